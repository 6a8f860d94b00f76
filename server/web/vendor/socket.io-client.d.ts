export * from "../../../scripts/vendor_parts/entries/socket.io-client.js";
