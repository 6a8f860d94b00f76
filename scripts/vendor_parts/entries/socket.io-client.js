export { io, Manager, Socket } from "socket.io-client";
export { Decoder, Encoder } from "socket.io-parser";
