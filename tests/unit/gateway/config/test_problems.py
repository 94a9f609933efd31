"""Every mistake in a configuration is told: where it is, what came, what was wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config.load import load, parse
from gateway.config.problems import ConfigurationRefused

LONG_SALT = 'split.salt: "' + "s" * 76 + "... has 200 characters, must have at most 128"
PATH = Path("conf/gateway.yaml")
WANTED_ADDRESS = "wanted host:port with a port from 1 to 65535, like model-server:8500"
SMALLEST = "upstreams: {serving: {replicas: ['server:8500']}}\n"


def problems_in(text: str | bytes) -> list[str]:
    with pytest.raises(ConfigurationRefused) as refused:
        parse(text.encode() if isinstance(text, str) else text, PATH)
    return [str(problem) for problem in refused.value.problems]


def problems_in_model(model: str) -> list[str]:
    return [problem.removeprefix("models.digits.") for problem in problems_in(SMALLEST + "models:\n  digits: " + model)]


def test_the_designs_example_is_told_to_the_letter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("serving_config").mkdir()
    Path("serving_config/gateway.yaml").write_text(
        SMALLEST
        + """
models:
  digits:
    labels: {canary: 2}
    split: {arms: [{name: base, weight: 85}, {name: canary, weight: 10, version_label: canery}]}
"""
    )
    with pytest.raises(ConfigurationRefused) as refused:
        load(Path("serving_config/gateway.yaml"))
    assert str(refused.value) == (
        "serving_config/gateway.yaml: 2 problems\n"
        "  models.digits.split: weights sum to 95, must sum to 100\n"
        '  models.digits.split.arms[1].version_label: "canery" is not declared; did you mean "canary"?'
    )


def test_five_mistakes_of_five_kinds_are_all_told_at_once() -> None:
    assert problems_in("""
server: {prot: 8500, drain_timeout_s: soon}
upstreams:
  serving: {replicas: ["server"]}
  serving: {replicas: ["server:8500"]}
models:
  digits: {upstream: servin, versions: managed}
""") == [
        "upstreams.serving: line 5: key given twice, first on line 4; keep one",
        'server.drain_timeout_s: got "soon", wanted a number',
        'server.prot: unknown key; did you mean "port"?',
        "models.digits.version: is missing; versions: managed needs the version to start from",
        'models.digits.upstream: "servin" is not declared in upstreams; did you mean "serving"?',
    ]


@pytest.mark.parametrize(
    ("model", "problems"),
    [
        ("{version: 3}", ["version: is only for versions: managed; remove it, or set versions: managed"]),
        ("{versions: manged}", ['versions: got "manged", must be one of follow, managed; did you mean "managed"?']),
        ("{labels: {stable: -1}}", ["labels.stable: got -1, must be at least 0"]),
        ("{labels: {stable: }}", ["labels.stable: is empty, wanted a whole number; give it a value or remove the key"]),
        ("{split: {arms: []}}", ["split.arms: has 0 entries, must have at least 1"]),
        ("{split: {arms: [{weight: 100}]}}", ["split.arms[0].name: is missing and has no default"]),
        (
            "{split: {arms: [{name: a, weight: 50}, {name: a, weight: 50}]}}",
            ['split.arms[1].name: "a" is already the name of arms[0]; names must differ'],
        ),
        (
            "{split: {arms: [{name: version, weight: 100}]}}",
            ['split.arms[0].name: "version" is reserved for calls that name a version; take another name'],
        ),
        (
            "{split: {arms: [{name: a, weight: 99.999}, {name: b, weight: 0.001}]}}",
            [
                "split.arms[0].weight: got 99.999, must be in steps of 0.01",
                "split.arms[1].weight: got 0.001, must be in steps of 0.01",
            ],
        ),
        (
            "{split: {arms: [{name: a, weight: 101}, {name: b, weight: -1}]}}",
            ["split.arms[0].weight: got 101, must be at most 100", "split.arms[1].weight: got -1, must be at least 0"],
        ),
        (
            "{labels: {x: 1}, split: {arms: [{name: a, weight: 100, version: 1, version_label: x}]}}",
            ["split.arms[0]: has both version and version_label; give one of them, or none"],
        ),
        (
            "{split: {arms: [{name: a, weight: 100, version_label: x}]}}",
            ['split.arms[0].version_label: "x" is not declared; add it to labels'],
        ),
        (
            "{split: {key_header: x-account, arms: [{name: a, weight: 100}]}}",
            ['split.key_header: "x-account" is not one of routing_headers; add it there'],
        ),
        (
            "{header_rules: [{header: x-user-id, value: ann, arm: a}]}",
            ["header_rules[0].arm: there are no arms: the model has no split; give it one"],
        ),
        (
            "{split: {arms: [{name: base, weight: 100}]}, header_rules: [{header: x-team, value: 1, arm: bose}]}",
            [
                "header_rules[0].value: got 1, wanted text; quote it",
                'header_rules[0].arm: "bose" is not an arm of split; did you mean "base"?',
                'header_rules[0].header: "x-team" is not one of routing_headers; add it there',
            ],
        ),
        (
            "{batching: {allowed_batch_sizes: [4, 2]}}",
            ["batching.allowed_batch_sizes: got [4, 2], must increase and start at 1 or more"],
        ),
        (
            "{batching: {allowed_batch_sizes: [1, 32]}}",
            ["batching.allowed_batch_sizes: the last is 32, must equal max_batch_size, 64"],
        ),
        (
            "{batching: {max_execution_batch_size: 8}}",
            ["batching.max_execution_batch_size: needs enable_large_batch_splitting: true; set that or remove this"],
        ),
        (
            "{batching: {enable_large_batch_splitting: yes, max_execution_batch_size: 0, latency_target_s: 0}}",
            [
                'batching.enable_large_batch_splitting: got "yes", wanted true or false',
                "batching.max_execution_batch_size: got 0, must be at least 1",
                "batching.latency_target_s: got 0, must be more than 0",
            ],
        ),
        (
            "{batching: {max_execution_batch_size: 128, pad_variable_length_input: true, latency_target_s: soon}}",
            [
                'batching.latency_target_s: got "soon", wanted a number',
                'batching.pad_variable_length_input: unknown key; did you mean "pad_variable_length_inputs"?',
                "batching.max_execution_batch_size: needs enable_large_batch_splitting: true; set that or remove this",
                "batching.max_execution_batch_size: is 128, must be at most max_batch_size, 64",
            ],
        ),
        (
            "{batching: {enable_large_batch_splitting: true, max_execution_batch_size: 24, "
            "allowed_batch_sizes: [8, 64]}}",
            ["batching.max_execution_batch_size: is 24, must be one of allowed_batch_sizes, [8, 64]"],
        ),
        ("{batching: {max_batch_size: true}}", ["batching.max_batch_size: got true, wanted a whole number"]),
        ("{batchin: {}}", ['batchin: unknown key; did you mean "batching"?']),
        (
            "{split: {arms: [{name: a, weight: 100, colour: red}]}}",
            ["split.arms[0].colour: unknown key; known: name, version, version_label, weight"],
        ),
        (
            '{split: {salt: "a\\0b", arms: [{name: a, weight: 100}]}}',
            ["split: salt: must not contain NUL"],
        ),
        ("{versions: {}}", ["versions: got a section of keys, must be one of follow, managed"]),
        ("{versions: }", ["versions: got nothing, must be one of follow, managed"]),
        ("{split: {salt: " + "s" * 200 + ", arms: [{name: a, weight: 100}]}}", [LONG_SALT]),
        ("[]", ["models.digits: got a list, wanted a section of keys"]),
    ],
)
def test_a_mistake_in_a_model_is_told_with_its_place(model: str, problems: list[str]) -> None:
    assert problems_in_model(model) == problems


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("", ["is empty, wanted at least upstreams"]),
        ("{}", ["upstreams: is missing and has no default"]),
        ("- 1", ["got a list, wanted a section of keys"]),
        (
            "server:",
            [
                "server: is empty, wanted a section of keys; give it a value or remove the key",
                "upstreams: is missing and has no default",
            ],
        ),
        ("upstreams: {}", ["upstreams: has 0 entries, must have at least 1"]),
        (SMALLEST + "server: {port: 70000}", ["server.port: got 70000, must be at most 65535"]),
        (SMALLEST + "server: {max_message_bytes: 1.5}", ["server.max_message_bytes: got 1.5, wanted a whole number"]),
        (SMALLEST + "server: {drain_timeout_s: 0}", ["server.drain_timeout_s: got 0, must be more than 0"]),
        (SMALLEST + "server: {host: ''}", ['server.host: "" has 0 characters, must have at least 1']),
        (
            SMALLEST + "server: {allow_reload_config: yes}",
            ['server.allow_reload_config: got "yes", wanted true or false'],
        ),
        (SMALLEST + "http: {port: 8500}", ["http.port: 8500 is already server.port; give the pages one of their own"]),
        (
            SMALLEST + "default_upstream: serve",
            ['default_upstream: "serve" is not declared in upstreams; did you mean "serving"?'],
        ),
        (SMALLEST + "key_header: x-account", ['key_header: "x-account" is not one of routing_headers; add it there']),
        (
            SMALLEST + "routing_headers: [x-user-id, grpc-timeout]",
            ['routing_headers[1]: "grpc-timeout" is gRPC\'s own; take another header'],
        ),
        (
            SMALLEST + "routing_headers: [X-User-Id, x-user-id]",
            ['routing_headers[0]: header name "X-User-Id" must be of a-z 0-9 . _ - (gRPC header names are lower-case)'],
        ),
        (
            SMALLEST
            + "routing_headers: [x-user-id, trace-bin]\n"
            + "models: {m: {split: {arms: [{name: a, weight: 100}]}, "
            + "header_rules: [{header: trace-bin, value: x, arm: a}]}}",
            ['models.m.header_rules[0].header: "trace-bin" holds bytes, which no text value equals; take another'],
        ),
        (
            SMALLEST + "models: {'dig its': {}}",
            ['models."dig its": name "dig its" has other characters than A-Z a-z 0-9 . _ -'],
        ),
        (
            SMALLEST + 'models: {"a\\nb": {}}',
            ['models."a\\nb": name "a\\nb" has other characters than A-Z a-z 0-9 . _ -'],
        ),
        (SMALLEST + "models: {7: {}}", ['models: line 2: key "7" is not text; quote it']),
        (
            "upstreams: {a: {replicas: ['x:1', 'x:1', 'y:0', '::1:5', 'h o:1']}}",
            [
                'upstreams.a.replicas[1]: "x:1" is listed twice; a replica counts once',
                *(
                    f'upstreams.a.replicas[{position}]: got "{address}", {WANTED_ADDRESS}'
                    for position, address in ((2, "y:0"), (3, "::1:5"), (4, "h o:1"))
                ),
            ],
        ),
        (
            f"upstreams: {{a: {{replicas: ['a..b:1', '{'x' * 64}:1', 'a.b.:1', '[::1]:1']}}}}",
            [
                f'upstreams.a.replicas[{position}]: got "{address}", '
                "wanted a host name with labels of 1 to 63 characters between dots"
                for position, address in ((0, "a..b:1"), (1, "x" * 64 + ":1"))
            ],
        ),
        (
            "upstreams: {a: {replicas: ['x:1'], tls: {cert_file: c}}}",
            ["upstreams.a.tls: cert_file and key_file belong together; give both or none"],
        ),
        (
            "upstreams: {a: {replicas: ['x:1']}, b: {replicas: ['y:1']}}\nmodels: {seven: {}}",
            ["models.seven.upstream: is missing, and of 2 upstreams none is default_upstream; say which serves seven"],
        ),
    ],
)
def test_a_mistake_elsewhere_is_told_with_its_place(text: str, problems: list[str]) -> None:
    assert problems_in(text) == problems
