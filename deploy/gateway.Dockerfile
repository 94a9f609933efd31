# The gateway's image: the compiled build, no compiler, no TensorFlow, no numpy, not root.
# Built from the repository's root: docker build -f deploy/gateway.Dockerfile .
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
# First what seldom changes: the pinned packages, each checked against its hash.
COPY pyproject.toml constraints.txt README.md ./
COPY deploy/pins.py deploy/pins.py
RUN python -m venv /opt/tidegate \
    && python deploy/pins.py "tidegate" setuptools > pins.txt \
    && /opt/tidegate/bin/pip install --no-cache-dir --require-hashes --no-deps -r pins.txt
COPY gateway gateway
COPY backend backend
COPY export export
COPY cli cli
COPY loadtests loadtests
COPY protos protos
RUN /opt/tidegate/bin/pip install --no-cache-dir --no-deps --no-build-isolation .
# The data plane once more, as C extensions (docs/adr/0005-a-compiled-build.md). What compiles them stays in this stage.
COPY deploy/compiled deploy/compiled
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev \
    && python -m venv /opt/compiler \
    && python deploy/pins.py "tidegate" setuptools mypy types-grpcio types-protobuf types-PyYAML > compiler.txt \
    && /opt/compiler/bin/pip install --no-cache-dir --require-hashes --no-deps -r compiler.txt \
    && /opt/compiler/bin/python -m deploy.compiled \
    && cd build/compiled \
    && /opt/tidegate/bin/python -c "from gateway.app.report import BUILD; assert BUILD == 'compiled', BUILD"

FROM ${PYTHON_IMAGE}
RUN useradd --uid 10001 --user-group --create-home tidegate \
    && install -d -o tidegate -g tidegate /models /state
COPY --from=build /opt/tidegate /opt/tidegate
COPY --from=build /src/build/compiled /opt/compiled
# The compiled build comes before the installed sources.
ENV PATH=/opt/tidegate/bin:$PATH PYTHONPATH=/opt/compiled PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER tidegate
# 8500 gRPC for clients, 9090 metrics and health.
EXPOSE 8500 9090
CMD ["tidegate", "gateway", "--config", "/etc/tidegate/gateway.yaml", "--state-dir", "/state"]
