# The one-shot image that trains and exports the first model, with TensorFlow, not root.
# Built from the repository's root: docker build -f deploy/export.Dockerfile .
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
# First what seldom changes: the pinned packages, each checked against its hash.
COPY pyproject.toml constraints.txt README.md ./
COPY deploy/pins.py deploy/pins.py
RUN python -m venv /opt/tidegate \
    && python deploy/pins.py "tidegate[export]" setuptools > pins.txt \
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
    && install -d -o tidegate -g tidegate /models /requests
COPY --from=build /opt/tidegate /opt/tidegate
ENV PATH=/opt/tidegate/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER tidegate
COPY deploy/first_model.sh /usr/local/bin/first_model.sh
CMD ["sh", "/usr/local/bin/first_model.sh"]
