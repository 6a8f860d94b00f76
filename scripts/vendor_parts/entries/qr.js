export { correction, generate, mode } from "lean-qr";
export { toSvgPath } from "lean-qr/extras/svg";
