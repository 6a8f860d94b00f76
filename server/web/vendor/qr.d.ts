export * from "../../../scripts/vendor_parts/entries/qr.js";
