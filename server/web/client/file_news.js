// @ts-check
/** What is told of files: by messages that offer them, and by who has fetched them. */

/**
 * @typedef {import("./entries.js").Entry} Entry
 *
 * @typedef {object} FileNewsReports
 * @property {(entry: Entry) => void} entry
 * @property {(told: {fileId: string, memberId: string}) => void} downloaded Told once for each, behind the file's entry.
 * @property {() => void} changed There is something new to keep.
 */

export class FileNews {
  #files;
  #roster;
  #downloads;
  #reports;

  /**
   * @param {import("./files.js").Files} files
   * @param {import("./roster.js").Roster} roster
   * @param {import("./downloads.js").Downloads} downloads
   * @param {FileNewsReports} reports
   */
  constructor(files, roster, downloads, reports) {
    this.#files = files;
    this.#roster = roster;
    this.#downloads = downloads;
    this.#reports = reports;
  }

  /**
   * Pass on an entry, and learn the file that it offers. One that gives a known id to another file is refused.
   *
   * @param {Entry} entry
   */
  tell(entry) {
    if (entry.type === "notice" || entry.content?.kind !== "file") {
      return this.#reports.entry(entry);
    }
    const { file } = entry.content;
    const isKnown = this.#files.has(file.id);
    if (!this.#files.learn(file, entry.senderId, entry.audience)) {
      const refused = /** @type {const} */ ({ status: "refused", reason: "file-id-taken" });
      return this.#reports.entry({ ...entry, ...refused, content: null });
    }
    this.#reports.entry(entry);
    if (isKnown) return;
    // From before a reload.
    for (const memberId of this.#downloads.of(file.id)) this.#tellDownload(file.id, memberId);
  }

  /**
   * Somebody has fetched a file, by the relay's word.
   *
   * @param {import("./intake.js").Downloaded} told
   */
  downloaded({ memberId, fileId }) {
    if (!this.#files.isFor(fileId, memberId) || !this.#roster.get(memberId)?.card) return;
    if (!this.#downloads.add(fileId, memberId)) return;
    this.#tellDownload(fileId, memberId);
    this.#reports.changed();
  }

  /**
   * @param {string} fileId
   * @param {string} memberId
   */
  #tellDownload(fileId, memberId) {
    this.#files.addHolder(fileId, memberId);
    this.#reports.downloaded({ fileId, memberId });
  }
}
