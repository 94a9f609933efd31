// What the grpc-js client and server share: messages as bytes, metadata from pairs, one JSON value a line.
import { createInterface } from "node:readline";
import { Metadata } from "@grpc/grpc-js";

export const asIs = (message) => message;

/** Pairs of key and value; values of keys that end in -bin are base64. */
export function toMetadata(pairs = [], options = {}) {
  const metadata = new Metadata(options);
  for (const [key, value] of pairs) {
    metadata.add(key, key.endsWith("-bin") ? Buffer.from(value, "base64") : value);
  }
  return metadata;
}

/** The pairs that toMetadata takes. */
export function fromMetadata(metadata) {
  const keys = Object.keys(metadata?.getMap() ?? {});
  return keys.flatMap((key) => metadata.get(key).map((value) => [key, value.toString("base64")]));
}

export function say(answered) {
  process.stdout.write(JSON.stringify(answered) + "\n");
}

/** Give each command to `obey`; end with standard input. */
export function listen(obey) {
  createInterface({ input: process.stdin, crlfDelay: Infinity })
    .on("line", (line) => obey(JSON.parse(line)))
    .on("close", () => process.exit(0));
}
