export * from "../../../scripts/vendor_parts/entries/preact.js";
