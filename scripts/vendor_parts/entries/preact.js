import htm from "htm";
import { h } from "preact";

export * from "@preact/signals";
export { Component, createContext, createRef, Fragment, h, render } from "preact";
export * from "preact/hooks";

/** Markup as a tagged template; what is put into it is text, never markup. */
export const html = htm.bind(h);
