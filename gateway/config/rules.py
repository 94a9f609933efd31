"""Rules between keys, on the raw document: a mistake elsewhere hides none. Wrong types are the schema's to tell."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.config.batching_rules import check_batching
from gateway.config.model_rules import check_model
from gateway.config.problems import Place, Problem, show, suggestion
from gateway.config.raw import items, section, text


def check_rules(document: object) -> list[Problem]:
    """Every rule between keys that the document breaks."""
    root = section(document)
    problems = [*_addresses(root), *_upstreams(root), *_headers(root)]
    problems += check_batching(section(root.get("batching")), {}, ("batching",))
    for name, model in section(root.get("models")).items():
        place: Place = ("models", name)
        problems += check_model(section(model), place, allowed_headers(root))
        problems += check_upstream_name(root, section(model).get("upstream"), (*place, "upstream"), name)
        own = section(section(model).get("batching"))
        problems += check_batching(own, section(root.get("batching")), (*place, "batching"))
    return problems


def allowed_headers(root: dict[str, object]) -> list[str]:
    """The routing_headers, or their default."""
    return [name for name in map(text, items(root.get("routing_headers", ["x-user-id"]))) if name is not None]


def check_upstream_name(root: dict[str, object], wanted: object, place: Place, model: str) -> Iterator[Problem]:
    """A model's upstream is declared, or there is one to take when it names none."""
    upstreams = section(root.get("upstreams"))
    if text(wanted) is not None and wanted not in upstreams:
        yield Problem(place, f"{show(wanted)} is not declared in upstreams{suggestion(wanted, upstreams)}")
    if wanted is None and root.get("default_upstream") is None and len(upstreams) > 1:
        yield Problem(
            place, f"is missing, and of {len(upstreams)} upstreams none is default_upstream; say which serves {model}"
        )


def _addresses(root: dict[str, object]) -> Iterator[Problem]:
    server, http = section(root.get("server")), section(root.get("http"))
    port = server.get("port", 8500)
    hosts = {text(server.get("host", "127.0.0.1")), text(http.get("host", "127.0.0.1"))}
    if port and port == http.get("port", 9090) and (len(hosts) == 1 or hosts & {"0.0.0.0", "::"}):
        yield Problem(("http", "port"), f"{show(port)} is already server.port; give the pages one of their own")


def _upstreams(root: dict[str, object]) -> Iterator[Problem]:
    upstreams = section(root.get("upstreams"))
    default = root.get("default_upstream")
    if text(default) is not None and default not in upstreams:
        yield Problem(
            ("default_upstream",), f"{show(default)} is not declared in upstreams{suggestion(default, upstreams)}"
        )
    for name, upstream in upstreams.items():
        place: Place = ("upstreams", name)
        tls = section(section(upstream).get("tls"))
        if (tls.get("cert_file") is None) != (tls.get("key_file") is None):
            yield Problem((*place, "tls"), "cert_file and key_file belong together; give both or none")
        seen: set[str] = set()
        for position, address in enumerate(items(section(upstream).get("replicas"))):
            if text(address) is not None:
                yield from check_address(str(address), seen, (*place, "replicas", position))
                seen.add(str(address))


def check_address(address: str, seen: set[str], place: Place) -> Iterator[Problem]:
    """host:port, with an IPv6 host in brackets; each replica once."""
    host, colon, port = address.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    bracketed = bare != host
    fits = bare and colon and not set(" /[]@\t\n") & set(bare) and (bracketed or ":" not in bare)
    if not fits or not (port.isascii() and port.isdigit() and len(port) <= 5 and 1 <= int(port) <= 65535):
        yield Problem(
            place, f"got {show(address)}, wanted host:port with a port from 1 to 65535, like model-server:8500"
        )
    elif not bracketed and not _can_be_looked_up(bare):
        yield Problem(place, f"got {show(address)}, wanted a host name with labels of 1 to 63 characters between dots")
    elif address in seen:
        yield Problem(place, f"{show(address)} is listed twice; a replica counts once")


def _can_be_looked_up(host: str) -> bool:
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return True


def _headers(root: dict[str, object]) -> Iterator[Problem]:
    allowed = allowed_headers(root)
    for position, name in enumerate(allowed):
        if name.startswith("grpc-"):
            yield Problem(("routing_headers", position), f"{show(name)} is gRPC's own; take another header")
    key_header = root.get("key_header", "x-user-id")
    if text(key_header) is not None and key_header not in allowed:
        yield Problem(("key_header",), f"{show(key_header)} is not one of routing_headers; add it there")
