// @ts-check
/** How long things take in a group, in milliseconds. docs/PROTOCOL.md, sections 17 and 18. */

/**
 * @typedef {object} GroupPace
 * @property {number} tick How often it is looked what is due.
 * @property {number} settle Until new keys are sent after a change of the members.
 * @property {number} patience Until a lacking key is asked for.
 * @property {number} asking Between askings.
 * @property {number} answering Between answers to one asker.
 * @property {number} behind Until it is shown that the relay tells others what it does not tell us.
 * @property {number} over How long after its end messages of an epoch come without a notice.
 */

/** @type {GroupPace} */
export const GROUP_PACE = {
  tick: 250,
  settle: 300,
  patience: 1_000,
  asking: 4_000,
  answering: 2_000,
  behind: 10_000,
  over: 30_000,
};
