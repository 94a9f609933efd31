// A grpc-js client that a test drives, by the same commands as the grpc-go one (../go/client/main.go says which).
// Messages travel as bytes, so it needs no .proto.
import { Client, compressionAlgorithms, credentials, status } from "@grpc/grpc-js";
import { asIs, fromMetadata, listen, say, toMetadata } from "./raw.js";

const plain = new Client(process.argv[2], credentials.createInsecure());
const compressing = new Client(process.argv[2], credentials.createInsecure(), {
  "grpc.default_compression_algorithm": compressionAlgorithms.gzip,
});
const running = new Map(); // by id: what ends a call or a load

function call(asked, begun = () => {}) {
  return new Promise((resolve) => {
    const metadata = toMetadata(asked.metadata, { waitForReady: asked.wait_for_ready ?? false });
    const deadline = asked.timeout_ms ? Date.now() + asked.timeout_ms : Infinity;
    const result = { id: asked.id, code: status.OK, text: "", message: "", headers: [], trailers: [], details: "" };
    const message = Buffer.from(asked.message ?? "", "base64");
    const client = asked.gzip ? compressing : plain;
    const started = client.makeUnaryRequest(asked.path, asIs, asIs, message, metadata, { deadline }, (error, reply) => {
      result.message = reply?.toString("base64") ?? "";
      if (error) {
        Object.assign(result, { code: error.code, text: error.details, trailers: fromMetadata(error.metadata) });
        result.details = error.metadata?.get("grpc-status-details-bin")[0]?.toString("base64") ?? "";
        resolve(result);
      }
    });
    started.on("metadata", (headers) => (result.headers = fromMetadata(headers)));
    started.on("status", (ended) => {
      result.trailers = fromMetadata(ended.metadata);
      if (ended.code === status.OK) resolve(result);
    });
    begun(started);
  });
}

/** Each caller calls until `ended()`; a call under way is not cut by that. */
async function load(asked, ended) {
  const result = { id: asked.id, codes: {}, texts: [] };
  const caller = async () => {
    while (!ended()) {
      const { code, text } = await call(asked);
      result.codes[code] = (result.codes[code] ?? 0) + 1;
      if (code !== status.OK) result.texts.push(text);
    }
  };
  await Promise.all(Array.from({ length: asked.callers }, caller));
  return result;
}

listen((asked) => {
  switch (asked.op) {
    case "call":
      call(asked, (started) => running.set(asked.id, () => started.cancel())).then(say);
      break;
    case "load": {
      let ended = false;
      running.set(asked.id, () => (ended = true));
      load(asked, () => ended).then(say);
      break;
    }
    case "cancel":
    case "stop":
      running.get(asked.id)();
      break;
    default:
      throw new Error(`no such command: ${asked.op}`);
  }
});
