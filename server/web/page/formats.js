// @ts-check
/** Times, sizes and numbers in words. */

/** English as the reader writes it: day before month, 24 hours, where that is the custom. */
export const LOCALE = navigator.languages.find((language) => /^en\b/u.test(language)) ?? "en";
const { hourCycle } = new Intl.DateTimeFormat(undefined, { hour: "numeric" }).resolvedOptions();

const time = new Intl.DateTimeFormat(LOCALE, { hour: "2-digit", minute: "2-digit", hourCycle });
const day = new Intl.DateTimeFormat(LOCALE, { weekday: "long", day: "numeric", month: "long" });
const full = new Intl.DateTimeFormat(LOCALE, { dateStyle: "full", timeStyle: "medium" });
const near = new Intl.RelativeTimeFormat(LOCALE, { numeric: "auto" });
const list = new Intl.ListFormat(LOCALE, { type: "conjunction" });
const number = new Intl.NumberFormat(LOCALE);
export const plural = new Intl.PluralRules(LOCALE);

const DAY_MS = 24 * 60 * 60_000;
const MAX_DATE_MS = 8.64e15;
const UNITS = ["byte", "kilobyte", "megabyte"];

/**
 * @param {number} count
 * @param {string} one
 * @param {string} other
 */
export const many = (count, one, other) =>
  `${number.format(count)} ${plural.select(count) === "one" ? one : other}`;

/** @param {number} ms A clock's word, which may be any number. */
const dateOf = (ms) => (Math.abs(ms) < MAX_DATE_MS ? new Date(ms) : null);

/** @param {Date} date */
const startOfDay = (date) => new Date(date).setHours(0, 0, 0, 0);

export const formats = {
  /** @param {number} ms */
  time: (ms) => (dateOf(ms) ? time.format(ms) : "unknown time"),
  /** @param {number} ms */
  moment: (ms) => (dateOf(ms) ? full.format(ms) : "unknown time"),
  /**
   * @param {number} ms
   * @param {number} nowMs
   */
  day: (ms, nowMs) => {
    const date = dateOf(ms);
    if (!date) return "Unknown day";
    const days = Math.round((startOfDay(date) - startOfDay(new Date(nowMs))) / DAY_MS);
    if (days > 0 || days < -1) return day.format(date);
    const word = near.format(days, "day");
    return word[0].toUpperCase() + word.slice(1);
  },
  /** @param {number} ms */
  dayKey: (ms) => dateOf(ms)?.toDateString() ?? "unknown",
  /** @param {number} bytes */
  size: (bytes) => {
    const step = Math.min(
      2,
      Math.max(0, Math.floor(Math.log(Math.max(bytes, 1)) / Math.log(1000))),
    );
    const value = bytes / 1000 ** step;
    return new Intl.NumberFormat(LOCALE, {
      style: "unit",
      unit: UNITS[step],
      unitDisplay: step ? "short" : "long",
      maximumFractionDigits: step && value < 10 ? 1 : 0,
    }).format(value);
  },
  /** @param {readonly string[]} names */
  list: (names) => list.format(names),
  /** @param {number} count */
  number: (count) => number.format(count),
};
