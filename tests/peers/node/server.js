// A grpc-js server that a test drives, by the same commands as the grpc-go one (../go/server/main.go says which).
// Messages travel as bytes, so it needs no .proto: it answers what it was told to.
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { asIs, fromMetadata, listen, say, toMetadata } from "./raw.js";

const server = new Server();
const served = new Map(); // by path: {told, seen}

/** Register a method at its first answer: grpc-js knows no catch-all. */
function tell(told) {
  const known = served.get(told.path);
  if (known) {
    known.told = told;
    return;
  }
  const method = { told, seen: { calls: 0, metadata: [] } };
  served.set(told.path, method);
  server.register(told.path, (call, reply) => answer(method, call, reply), asIs, asIs, "unary");
}

function answer({ told, seen }, call, reply) {
  seen.calls += 1;
  seen.metadata = fromMetadata(call.metadata);
  const trailers = toMetadata(told.trailers);
  if (told.details) trailers.set("grpc-status-details-bin", Buffer.from(told.details, "base64"));
  if (told.code) {
    reply({ code: told.code, details: told.text, metadata: trailers });
  } else {
    reply(null, Buffer.from(told.message, "base64"), trailers);
  }
}

listen((asked) => {
  switch (asked.op) {
    case "answer":
      tell(asked);
      say({ id: asked.id });
      break;
    case "seen":
      say({ id: asked.id, calls: 0, metadata: [], ...served.get(asked.path)?.seen });
      break;
    case "drain":
      server.tryShutdown(() => process.exit(0));
      break;
    default:
      throw new Error(`no such command: ${asked.op}`);
  }
});

server.bindAsync(process.argv[2], ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  say({ port });
});
