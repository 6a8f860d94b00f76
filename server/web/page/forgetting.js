// @ts-check
/** Forgetting, for those who do not even open a session. */

import { deleteDatabase } from "../client/database.js";

/** Forget all sessions of this device, and of this tab. */
export async function forgetAll() {
  try {
    sessionStorage.clear();
    await deleteDatabase();
  } catch {
    // Where nothing can be kept, there is nothing to forget.
  }
}
