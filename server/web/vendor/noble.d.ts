export * from "../../../scripts/vendor_parts/entries/noble.js";
