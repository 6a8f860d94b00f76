// @ts-check
/**
 * All that the page says. To translate it, translate this file.
 *
 * Names come isolated (clean.js), so that they may stand anywhere in a sentence.
 */

import { formats, many, plural } from "./formats.js";
export const texts = {
  name: "Hushwire",
  close: "Close",
  cancel: "Cancel",
  loading: "Opening…",
  leaving: "Leaving…",

  start: {
    title: "Say it where no one else listens.",
    lead: "Hushwire makes an encrypted conversation that lives at a link. No account, nothing to install; only those who hold the link can read it.",
    form: "Start a session",
    name: "Your name",
    nameHint: "Shown to those who join, and to nobody else.",
    shares: "People who join later can read what was said before",
    sharesHint: "Leave this off to keep newcomers to what is said from then on.",
    begin: "Start a session",
    have: "Have a link?",
    paste: "Paste an invitation link",
    open: "Open",
    facts: [
      ["Encrypted on your device", "The server passes on what it cannot read."],
      ["The link is the key", "The part behind the # never leaves your browser."],
      ["It does not stay", "When the talk falls silent, the server forgets the session."],
    ],
    forget: "Forget all sessions on this device",
    forgot: "Everything was forgotten.",
  },
  meet: {
    title: "Meet strangers",
    lead: "One click into an encrypted talk with two to nine people whom you do not know.",
    honest:
      "There is no shared link among strangers: the server hands out the keys, and could lie about them. This page keeps nothing of what is said. Be careful what you tell.",
    pseudonym: "Your pseudonym",
    pseudonymHint: "Shown to the people you meet, and to the server.",
    looking: "Looking for people…",
    reloaded: "You have left your group: a page that is loaded again begins anew.",
    left: "You have left your group. Nothing of it was kept.",
    problems: /** @type {Record<string, string>} */ ({
      forbidden: "This server has no groups of strangers for guests.",
      invalid_request: "The server does not take that pseudonym. Choose another one.",
      rate_limited: "Too many people came from your address just now. Try again in a minute.",
      server_full: "The server has as many groups as it can hold. Try again later.",
      offline: "The server does not answer. Look at your connection, and try again.",
      other: "That did not work. Try again later.",
    }),
  },
  nameProblems: /** @type {Record<string, string>} */ ({
    empty: "Please enter a name.",
    long: "That name is too long: 64 characters at most.",
    control: "That name has characters that cannot be shown.",
  }),
  invited: {
    title: "You were invited to an encrypted session",
    lead: "Choose how the others will see you. They are told that you have joined.",
    facts: "What joining means",
    sealed: "What is said there is readable only by those who are in the session.",
    shared: "You will be able to read what was said before, and so will people who join after you.",
    unshared: "You will read what is said from now on, not what was said before.",
    holders: "Anyone who has this link can join, and everybody is shown who does.",
    join: "Join the session",
    instead: "Start a session of your own",
  },
  elsewhere: {
    title: "This link is of another server",
    /** @param {string} host */
    lead: (host) =>
      `It leads to ${host}, and can only be opened there. Nothing of it was sent to this server.`,
    trust: "The page that opens there is that server's. Go on if you trust it.",
    open: "Open it there",
    stay: "Stay here",
  },

  states: {
    connecting: "Connecting…",
    "catching-up": "Catching up…",
    connected: "Encrypted",
    reconnecting: "Reconnecting…",
    ended: "Ended",
  },
  banner: {
    connecting: "Connecting to the session…",
    reconnecting:
      "The connection was lost. Trying again; what you write is sent as soon as it is back.",
    offline: "This device is offline. What you write is sent as soon as it is back.",
    /** @param {number} count */
    catchingUp: (count) =>
      count ? `Catching up: ${many(count, "message", "messages")} so far…` : "Catching up…",
    /** @param {number} count */
    caughtUp: (count) =>
      count
        ? `Back again, with ${many(count, "message", "messages")} caught up.`
        : "Back again; nothing was missed.",
    locked: "Locked: nobody new can join.",
    outdated: "This page is older than its server. Reload it to go on.",
    reload: "Reload",
  },
  ends: /** @type {Record<string, {title: string, text: string}>} */ ({
    session_expired: {
      title: "This session has ended",
      text: "Nobody said anything for a while, so the server has forgotten it. What you see here is only on your device.",
    },
    removed: {
      title: "You were removed from the session",
      text: "The one who started it has taken you out. You can no longer read or write here.",
    },
    left: {
      title: "You have left",
      text: "Everything of that session was forgotten on this device.",
    },
    session_not_found: {
      title: "This session is no longer there",
      text: "It was never started, or it has ended: a session that falls silent is forgotten. Ask for a new link.",
    },
    session_exists: {
      title: "This session cannot be started",
      text: "There is another one in its place. Start a new one.",
    },
    session_full: {
      title: "This session is full",
      text: "It holds as many people as it can. Try again when somebody has left.",
    },
    session_locked: {
      title: "This session is locked",
      text: "The one who started it lets nobody new in at the moment. Ask to have it unlocked, and try again.",
    },
    invalid_auth_key: {
      title: "This link does not fit the session",
      text: "It was changed on its way to you. Ask for the link again.",
    },
    incomplete: {
      title: "This link is incomplete",
      text: "A part of it was lost on its way. Copy the whole link, or ask for it again.",
    },
    newer: {
      title: "This link is newer than this page",
      text: "Reload the page to get its current version. If that does not help, the server needs an update.",
    },
    outdated: {
      title: "This page is older than its server",
      text: "Reload it to get the current version.",
    },
    none: { title: "This is no link to a session", text: "Check that you have copied all of it." },
    other: {
      title: "The session cannot be opened",
      text: "The server refuses it. Try again later.",
    },
  }),
  ended: {
    /** @param {string} code */
    code: (code) => `What the server says: ${code}`,
    again: "Try again",
    fresh: "Start a new session",
  },

  header: {
    alone: "Only you so far",
    /** @param {readonly string[]} names */
    people: (names) => names.join(", "),
    invite: "Invite",
    /** @param {number} count */
    count: (count) => `People: ${many(count, "person is here", "people are here")}`,
    ways: "Session",
    session: "Session and settings",
    locked: "Locked",
  },
  conversation: {
    label: "Messages",
    begin: "The conversation begins here",
    sealed: "Messages are encrypted on your device. Only the people in this session can read them.",
    shared: "Whoever joins later can read what was said before.",
    unshared: "Whoever joins later cannot read what was said before.",
    unkept: "This browser keeps nothing, so a reload makes you a newcomer.",
    stale:
      "This browser no longer keeps what happens here: its storage is full, or was cleared. After a reload some of it may be missing, and you may have to join again as somebody new.",
    invite: "Invite somebody",
    fresh: "New messages",
    latest: "Jump to the latest message",
    /** @param {number} count */
    latestCount: (count) => many(count, "new message", "new messages"),
    /** @param {string} names @param {number} count */
    typing: (names, count) => `${names} ${count === 1 ? "is" : "are"} typing…`,
    manyTyping: "Several people are typing…",
    drop: "Drop to send to the session",
  },
  message: {
    you: "You",
    /** @param {string} name */
    to: (name) => `Only to ${name}`,
    toYou: "Only to you",
    sending: "Sending…",
    sent: "Sent",
    failed: "Not sent",
    retry: "Try again",
    late: "Arrived late",
    waiting: "Waiting for the key to this…",
    unopened: "A message whose key did not come before the session ended.",
    sealed:
      "There are messages here that you have no key for. They were said before you came, or while you were away.",
    /** @param {string} name */
    hidden: (name) => `What ${name} says is hidden`,
    more: "Show all of it",
    less: "Show less",
    /** @param {string} by @param {string} who */
    removed: (by, who) => `${by} removed ${who} from the session`,
  },
  unreadable: /** @type {Record<string, string>} */ ({
    "not-for-us": "A message that was not encrypted for you.",
    "no-card": "A message of somebody whose keys are not known.",
    newer: "A message that this version of the page cannot read. Reload to get the current one.",
  }),
  failures: /** @type {Record<string, string>} */ ({
    recipient_not_found: "The one it was for has left.",
    payload_too_large: "It is too large for this server.",
    not_a_member: "You are no longer there.",
    "nobody-here": "Nobody is here who could read it.",
  }),
  notices: /** @type {Record<string, (name: string, count: number) => string>} */ ({
    arrived: (name) => `${name} joined`,
    left: (name) => `${name} left`,
    lost: (name) => `${name} lost the connection`,
    removed: (name) => `The server says that ${name} was removed`,
    "heard-again": (name) => `${name} is heard again`,
    trimmed: (name, count) =>
      `${many(count, "older message", "older messages")} of ${name} no longer kept by the server`,
    missing: (name, count) => `${many(count, "message", "messages")} of ${name} did not arrive`,
    forked: (name) => `${name}'s messages contradict each other`,
    repeated: (name) => `Something old of ${name} was sent again`,
    "card-refused": (name) => `Someone could not prove to be in the session: ${name}`,
    forged: (name) => `Something was forged in the name of ${name}`,
    silent: (name) => `${name} is shown as present but gives no sign of life`,
    "rolled-back": (name, count) =>
      `${many(count, "message", "messages")} of ${name} that you had before ${plural.select(count) === "one" ? "is" : "are"} gone`,
    "key-changed": (name) => `${name} shows other keys than before`,
    behind: (name) => `${name} writes as if people were here who have left`,
    "told-less": (name) => `${name} writes to people of whom you are not told`,
    split: () => "The server does not tell everyone the same about who is here",
  }),
  keysRenewed: (/** @type {string} */ words) => `${words} · keys were renewed`,
  warning: "Warning",
  what: "What does this mean?",
  /** @param {number} count */
  times: (count) => `${formats.number(count)} times`,
  meanings: /** @type {Record<string, string>} */ ({
    missing:
      "Messages are numbered by who sends them, and some numbers are lacking. The server may have lost them, or be holding them back. If they still come, they are shown as late.",
    forked:
      "Two different messages claim the same place. That does not happen by accident: the sender's device is broken, or somebody has copied its keys. The message was not accepted.",
    repeated:
      "The server delivered something a second time that had come before. It was ignored. If it happens again and again, somebody may be tampering with the connection.",
    "card-refused":
      "Somebody who is in the session shows keys that do not come from a holder of the link. This may be the server itself. They get no keys and can read nothing that you write.",
    forged:
      "A message or signal did not bear the signature of the one it seemed to come from, or had been changed on its way. It was not accepted.",
    silent:
      "Every device gives a sign of life twice a minute, and none has come for some time. The connection may be bad, or the server may be withholding what they say.",
    "rolled-back":
      "Before you loaded this page again there were messages that the server no longer delivers. It may have lost them, or be hiding them.",
    "key-changed":
      "The first keys that somebody shows are kept. Now the server shows others under this name: perhaps the page was opened anew there, perhaps somebody stands in between. They get nothing that you write, and what they write waits, until you accept the new keys in the list of people.",
    behind:
      "Who comes or goes is told to all, and keys change. This device still uses the old ones after half a minute, so people who have left may read what it writes. The server may be withholding from it who has left.",
    "told-less":
      "The message goes to a set of people that this device has not heard of. What you wrote has waited ten seconds for word of them, and now goes to those whom you see. Either the server is hiding somebody from you, or that device says what is not so.",
    split:
      "All members name the same people with what they say, so that nobody can be hidden. The server has told you of other people than somebody else, has told an old list again, or has left one out.",
    "removed-member": "It came from somebody who had been removed. It was not accepted.",
    "not-creator":
      "Somebody who did not start this session tried to remove somebody. It was not accepted.",
    "not-for-us":
      "It was said to be for you, and its sender has encrypted it for others only. The server may have sent it to the wrong person. It was not accepted.",
    "file-id-taken":
      "It announces a file under the name of one that was announced before, with other contents. It was not accepted.",
  }),
  /** @param {string} name */
  refused: (name) => `A message in the name of ${name} was refused`,

  composer: {
    label: "Write a message",
    placeholder: "Message",
    /** @param {string} name */
    privatePlaceholder: (name) => `Only ${name} will read this`,
    send: "Send",
    attach: "Attach a file",
    to: "To",
    everybody: "Everyone",
    /** @param {string} name */
    only: (name) => `Only ${name}`,
    /** @param {number} count */
    tooLong: (count) => `${many(count, "character", "characters")} too many`,
    gone: "That person has left. Choose somebody else, or everyone.",
    hint: "Enter sends, Shift and Enter begin a new line.",
  },
  files: {
    /** @param {string} size */
    tooLarge: (size) => `Files may have up to ${size}.`,
    /** @param {string} name */
    preparing: (name) => `Encrypting ${name}`,
    /** @param {string} name */
    fetching: (name) => `Fetching ${name}`,
    /** @param {string} name */
    cancel: (name) => `Cancel ${name}`,
    fetch: "Fetch",
    save: "Save",
    paused: "Waiting for somebody who has it",
    problems: {
      "wrong-chunks": "What came was not this file. It goes on when somebody else has it.",
      "not-kept": "There is no room for it in this browser, or the browser keeps nothing.",
      lost: "It is no longer stored on this device.",
      damaged: "It cannot be opened: what was sent is damaged.",
      unreadable: "It could not be read.",
      "too-large": "It is too large.",
    },
    own: "Keep this page open so that others can fetch it.",
    /** @param {number} percent */
    percent: (percent) => `${percent}%`,
    /** @param {readonly string[]} names */
    fetchedBy: (names) =>
      names.length > 2
        ? `${formats.number(names.length)} people have fetched it`
        : `${formats.list(names)} ${names.length === 1 ? "has" : "have"} fetched it`,
    kinds: {
      picture: "Picture",
      sound: "Sound",
      film: "Video",
      text: "Document",
      archive: "Archive",
      program: "Program",
      other: "File",
    },
    /** @param {string} name */
    picture: (name) => `Picture: ${name}`,
    /** @param {string} name */
    openPicture: (name) => `Open the picture ${name}`,
    notShown: "This is no picture that can be shown safely. You can save it instead.",
  },

  people: {
    title: "People",
    you: "you",
    creator: "Started the session",
    present: "Here",
    absent: "Away",
    silent: "No sign of life",
    refused: "Not trusted: cannot read anything",
    removed: "Removed",
    verified: "Compared",
    badCard: "Someone showed false keys in this name",
    verify: "Safety number",
    write: "Write privately",
    remove: "Remove",
    /** @param {string} name */
    removeTitle: (name) => `Remove ${name}?`,
    removeText:
      "They can no longer read or write here, and the session locks so that they cannot come back under another name. What they have already read stays with them.",
    unreadable: "Unknown person",
    several: "several people",
    failed: "That did not work. Try again when the connection is back.",
  },
  safety: {
    title: "Safety number",
    /** @param {string} name */
    lead: (name) =>
      `Compare these digits with ${name} another way: face to face, or by phone. If you both see the same digits, nobody stands between you.`,
    digits: "Sixty digits",
    qr: "The same digits as a QR code",
    mark: "Mark as compared",
    unmark: "Marked as compared. Undo",
  },
  invite: {
    title: "Invite",
    lead: "Send this link to those you want to talk to.",
    link: "Invitation link",
    copy: "Copy link",
    copied: "Copied",
    uncopied: "Select the link and copy it",
    share: "Share…",
    shareText: "Join me in an encrypted session",
    qr: "The link as a QR code",
    warning: "Whoever has the link can join and read on. Send it only by a way that you trust.",
    shared: "Newcomers will also read what was said before.",
    locked: "The session is locked: nobody can join with it now.",
  },
  session: {
    title: "Session",
    name: "Your name",
    rename: "Save",
    renamed: "Saved",
    lock: "Lock the session",
    lockHint: "Nobody new can join, not even with the link.",
    history: "History",
    keeping: "Reloading",
    kept: "You stay who you are when you reload this tab. What that needs is stored encrypted, and deleted when you leave.",
    leave: "Leave and forget…",
    leaveTitle: "Leave the session?",
    leaveText:
      "The others see that you have left. Messages, files and your keys are forgotten on this device; you can come back only as somebody new, with the link.",
    leaveNow: "Leave and forget",
    stay: "Stay",
  },

  announce: {
    /** @param {string} name @param {string} text */
    said: (name, text) => `${name}: ${text}`,
    /** @param {number} count @param {string} name */
    several: (count, name) => `${many(count, "new message", "new messages")}, the last of ${name}`,
    /** @param {string} name */
    file: (name) => `sent the file ${name}`,
    private: "privately",
  },
  /** @param {number} unread */
  documentTitle: (unread) => (unread ? `(${formats.number(unread)}) Hushwire` : "Hushwire"),
};
