# syntax=docker/dockerfile:1
FROM python:3.13-slim-bookworm AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/tocsin
COPY requirements.lock ./
RUN /opt/tocsin/bin/pip install --no-deps --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY rules rules
COPY adapters adapters
COPY bot bot
# What built the image is not needed to run it.
RUN /opt/tocsin/bin/pip install --no-deps --no-build-isolation . \
    && /opt/tocsin/bin/pip uninstall -y setuptools pip

FROM python:3.13-slim-bookworm
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin tocsin \
    && install -d -o tocsin -g tocsin /var/lib/tocsin
COPY --from=build /opt/tocsin /opt/tocsin
ENV PATH=/opt/tocsin/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TOCSIN_HEALTH_URL=http://127.0.0.1:8080/healthz
USER tocsin
# The working directory, so that `store: sqlite:///tocsin.db` lands on the volume.
WORKDIR /var/lib/tocsin
VOLUME /var/lib/tocsin
EXPOSE 8080
# No proxy: the question is for this very container.
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, requests; s = requests.Session(); s.trust_env = False; s.get(os.environ['TOCSIN_HEALTH_URL'], timeout=4).raise_for_status()"]
ENTRYPOINT ["tocsin"]
CMD ["run", "-c", "/etc/tocsin/config.yaml"]
