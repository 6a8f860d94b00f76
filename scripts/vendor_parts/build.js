// Bundles each file of entries/ into one of server/web/vendor/, with what it takes from npm.
//
//     node build.js [--check]
//
// With --check nothing is written: what differs from the committed files is named, and the
// status is 1. The same lock file always makes the same bytes.

import { createHash } from "node:crypto";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const PARTS = dirname(fileURLToPath(import.meta.url));
const VENDOR = join(PARTS, "../../server/web/vendor");

const lock = JSON.parse(await readFile(join(PARTS, "package-lock.json"), "utf8"));

const made = await makeAll();
if (process.argv.includes("--check")) {
  const stale = await differing();
  for (const name of stale) {
    console.error(`server/web/vendor/${name} is not what scripts/vendor makes; run it`);
  }
  process.exitCode = stale.length > 0 ? 1 : 0;
} else {
  await writeAll();
}

/** Every file of the folder by its name. */
async function makeAll() {
  const bundles = await Promise.all((await readdir(join(PARTS, "entries"))).sort().map(bundle));
  const packages = bundles.flatMap((one) => one.packages);
  const files = new Map();
  for (const { name, code } of bundles) {
    files.set(name, code);
    files.set(name.replace(/\.js$/, ".d.ts"), types(name));
  }
  files.set("MANIFEST.json", manifest(bundles));
  files.set("LICENSES.txt", await licenses(packages));
  return files;
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
  const titles = packages.map((one) => `${one.name} ${one.version} (${one.license})`);
  const head = `/* ${titles.join(", ")}\n * Their licences are in LICENSES.txt. Made by scripts/vendor. */\n`;
  return { name, packages, code: head + result.outputFiles[0].text };
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

function manifest(bundles) {
  const { version, integrity } = lock.packages["node_modules/esbuild"];
  const files = bundles.map(({ name, packages, code }) => [
    name,
    {
      packages: packages.map(({ folder, ...shown }) => shown),
      sha384: createHash("sha384").update(code).digest("base64"),
    },
  ]);
  const page = {
    bundler: { name: "esbuild", version, integrity },
    files: Object.fromEntries(files),
  };
  return `${JSON.stringify(page, null, 2)}\n`;
}

async function licenses(packages) {
  const each = new Map(packages.map((one) => [`${one.name} ${one.version}`, one.folder]));
  const titles = [...each.keys()].sort();
  const texts = titles.map(async (title) => {
    const text = await readFile(await licenseFile(join(PARTS, each.get(title))), "utf8");
    return `${"=".repeat(72)}\n${title}\n${"=".repeat(72)}\n\n${tidy(text)}\n`;
  });
  return (await Promise.all(texts)).join("\n");
}

async function licenseFile(folder) {
  const name = (await readdir(folder)).find((one) => /^licen[cs]e/i.test(one));
  if (!name) {
    throw new Error(`${folder} has no licence in it`);
  }
  return join(folder, name);
}

function tidy(text) {
  return text
    .replaceAll("\r\n", "\n")
    .replace(/[ \t]+$/gm, "")
    .trim();
}

async function writeAll() {
  for (const name of await readdir(VENDOR)) {
    if (!made.has(name)) {
      await rm(join(VENDOR, name));
    }
  }
  for (const [name, text] of made) {
    await writeFile(join(VENDOR, name), text);
  }
}

/** The names of files that are missing, different or not ours, in order. */
async function differing() {
  const names = new Set([...made.keys(), ...(await readdir(VENDOR))]);
  const found = await Promise.all(
    [...names].map(async (name) => [name, await readFile(join(VENDOR, name)).catch(() => null)]),
  );
  const stale = found.filter(
    ([name, bytes]) => !made.has(name) || !bytes?.equals(Buffer.from(made.get(name))),
  );
  return stale.map(([name]) => name).sort();
}
