// Bundles each file of entries/ into one of server/web/vendor/, with what it takes from npm, and
// copies into server/docs/vendor/ what is published as one file already.
//
//     node build.js [--check]
//
// With --check nothing is written: what differs from the committed files is named, and the
// status is 1. The same lock file always makes the same bytes.

import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const PARTS = dirname(fileURLToPath(import.meta.url));
const ROOT = join(PARTS, "../..");
const BUNDLED = join(ROOT, "server/web/vendor");
const COPIED = join(ROOT, "server/docs/vendor");

/** An empty picture. */
const NOTHING = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E";

/** What is copied: its package, its file there, and what is put in the place of what in it. */
const COPIES = {
  "redoc.js": {
    package: "redoc",
    file: "bundles/redoc.standalone.js",
    // It would be asked for by every reader, of somebody else's server.
    replaced: { "https://cdn.redoc.ly/redoc/logo-mini.svg": NOTHING },
  },
  "swagger-ui.css": { package: "swagger-ui-dist", file: "swagger-ui.css" },
  "swagger-ui.js": { package: "swagger-ui-dist", file: "swagger-ui-bundle.js" },
};

const lock = JSON.parse(await readFile(join(PARTS, "package-lock.json"), "utf8"));

const vendored = new Map([
  [BUNDLED, await makeBundles()],
  [COPIED, await makeCopies()],
]);
if (process.argv.includes("--check")) {
  const stale = (await Promise.all([...vendored].map(differing))).flat();
  for (const path of stale) {
    console.error(`${path} is not what scripts/vendor makes; run it`);
  }
  process.exitCode = stale.length > 0 ? 1 : 0;
} else {
  await Promise.all([...vendored].map(writeAll));
}

/** Every file of the folder of bundles by its name. */
async function makeBundles() {
  const bundles = await Promise.all((await readdir(join(PARTS, "entries"))).sort().map(bundle));
  const packages = bundles.flatMap((one) => one.packages);
  const files = new Map();
  for (const { name, code } of bundles) {
    files.set(name, code);
    files.set(name.replace(/\.js$/, ".d.ts"), types(name));
  }
  const { version, integrity } = lock.packages["node_modules/esbuild"];
  files.set(
    "MANIFEST.json",
    manifest({ bundler: { name: "esbuild", version, integrity } }, bundles),
  );
  files.set("LICENSES.txt", await licenses(packages));
  return files;
}

/** Every file of the folder of copies by its name. */
async function makeCopies() {
  const copies = await Promise.all(Object.keys(COPIES).map(copy));
  const files = new Map(copies.map(({ name, code }) => [name, code]));
  files.set("MANIFEST.json", manifest({}, copies));
  const packages = copies.flatMap((one) => one.packages);
  files.set("LICENSES.txt", await licenses(packages));
  return files;
}

/** One published file, with what is replaced in it, and without the way to its source map. */
async function copy(name) {
  const { package: from, file, replaced = {} } = COPIES[name];
  const described = describe(`node_modules/${from}`);
  let code = await readFile(join(PARTS, described.folder, file), "utf8");
  for (const [text, other] of Object.entries(replaced)) {
    if (code.split(text).length !== 2) {
      throw new Error(`${file} does not hold ${text} once`);
    }
    code = code.replace(text, other);
  }
  code = code.replace(/\n\/(\/|\*)# sourceMappingURL=[^\n]*$/, "\n");
  return { name, packages: [described], code: head([described]) + code };
}

/** The comment by which a file begins. */
function head(packages) {
  const titles = packages.map((one) => `${one.name} ${one.version} (${one.license})`);
  return `/* ${titles.join(", ")}\n * Their licences are in LICENSES.txt. Made by scripts/vendor. */\n`;
}

/** Bundle one entry, and tell which packages ended up in it. */
async function bundle(name) {
  const result = await build({
    entryPoints: [join(PARTS, "entries", name)],
    absWorkingDir: PARTS,
    bundle: true,
    minify: true,
    preserveSymlinks: true, // paths then begin as in the lock file
    format: "esm",
    platform: "browser",
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    metafile: true,
    write: false,
  });
  const inputs = Object.values(result.metafile.outputs)[0].inputs;
  const used = Object.keys(inputs).filter((path) => inputs[path].bytesInOutput > 0);
  const folders = new Set(used.map(packageFolder).filter(Boolean));
  const packages = [...folders].sort().map(describe);
  return { name, packages, code: head(packages) + result.outputFiles[0].text };
}

/** `node_modules/@noble/hashes` of a path in it; null for what is ours. */
function packageFolder(path) {
  return path.match(/^.*node_modules\/(@[^/]+\/)?[^/]+/)?.[0] ?? null;
}

function describe(folder) {
  const { version, license, integrity } = lock.packages[folder];
  return { name: folder.replace(/^.*node_modules\//, ""), version, license, integrity, folder };
}

/** What `tsc` reads in place of the bundle: the entry, and through it the packages' types. */
function types(name) {
  return `export * from "../../../scripts/vendor_parts/entries/${name}";\n`;
}

function manifest(first, made) {
  const files = made.map(({ name, packages, code }) => [
    name,
    {
      packages: packages.map(({ folder, ...shown }) => shown),
      sha384: createHash("sha384").update(code).digest("base64"),
    },
  ]);
  const page = { ...first, files: Object.fromEntries(files) };
  return `${JSON.stringify(page, null, 2)}\n`;
}

async function licenses(packages) {
  const each = new Map(packages.map((one) => [`${one.name} ${one.version}`, one.folder]));
  const titles = [...each.keys()].sort();
  const texts = titles.map(async (title) => {
    const files = await licenseFiles(each.get(title));
    const read = await Promise.all(files.map((file) => readFile(file, "utf8")));
    const text = read.map(tidy).join("\n\n");
    return `${"=".repeat(72)}\n${title}\n${"=".repeat(72)}\n\n${text}\n`;
  });
  return (await Promise.all(texts)).join("\n");
}

/** The licence of a package, and those of what is in the files that are copied from it. */
async function licenseFiles(folder) {
  const names = (await readdir(join(PARTS, folder))).filter((one) =>
    /^(licen[cs]e|notice)/i.test(one),
  );
  if (names.length === 0) {
    throw new Error(`${folder} has no licence in it`);
  }
  const copied = Object.values(COPIES).filter((one) => folder === `node_modules/${one.package}`);
  const beside = copied
    .filter((one) => one.file.endsWith(".js"))
    .map((one) => `${one.file}.LICENSE.txt`);
  return [...names.sort(), ...beside].map((name) => join(PARTS, folder, name));
}

function tidy(text) {
  return text
    .replaceAll("\r\n", "\n")
    .replace(/[ \t]+$/gm, "")
    .trim();
}

async function writeAll([folder, made]) {
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(folder)) {
    if (!made.has(name)) {
      await rm(join(folder, name));
    }
  }
  for (const [name, text] of made) {
    await writeFile(join(folder, name), text);
  }
}

/** The paths of files that are missing, different or not ours, in order. */
async function differing([folder, made]) {
  const names = new Set([...made.keys(), ...(await readdir(folder))]);
  const found = await Promise.all(
    [...names].map(async (name) => [name, await readFile(join(folder, name)).catch(() => null)]),
  );
  const stale = found.filter(
    ([name, bytes]) => !made.has(name) || !bytes?.equals(Buffer.from(made.get(name))),
  );
  return stale.map(([name]) => join(relative(ROOT, folder), name)).sort();
}
