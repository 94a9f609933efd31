# The gateway's image: no TensorFlow, no numpy, not root.
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

FROM ${PYTHON_IMAGE}
RUN useradd --uid 10001 --user-group --create-home tidegate \
    && install -d -o tidegate -g tidegate /models /state
COPY --from=build /opt/tidegate /opt/tidegate
ENV PATH=/opt/tidegate/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER tidegate
# 8500 gRPC for clients, 9090 metrics and health.
EXPOSE 8500 9090
CMD ["tidegate", "gateway", "--config", "/etc/tidegate/gateway.yaml", "--state-dir", "/state"]
