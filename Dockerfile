# devenv's own image: the gateway and SMTP, for Compose, Swarm, Kubernetes and dev containers.
#
#   docker build -t devenv:0.1.0 .
#   docker run -p 127.0.0.1:4566:4566 -p 127.0.0.1:1025:1025 -v devenv:/var/lib/devenv devenv:0.1.0
#
# State lies in /var/lib/devenv. A profile of one's own is mounted and named: `up --listen 0.0.0.0 --profile
# /etc/devenv/devenv.toml`; Postgres and Redis run in containers beside it.
ARG RUST_IMAGE=rust:1.95-bookworm
ARG BASE_IMAGE=debian:bookworm-slim

FROM ${RUST_IMAGE} AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin devenv

FROM ${BASE_IMAGE}
RUN mkdir -p /var/lib/devenv && chown 10001:10001 /var/lib/devenv && chmod 0700 /var/lib/devenv
COPY --from=build /src/target/release/devenv /usr/local/bin/devenv
ENV DEVENV_CACHE_DIR=/var/lib/devenv/.cache \
    HOME=/var/lib/devenv \
    PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
USER 10001:10001
WORKDIR /var/lib/devenv
VOLUME /var/lib/devenv
EXPOSE 4566 1025
HEALTHCHECK --interval=2s --timeout=5s --start-period=10s --retries=5 \
    CMD ["devenv", "wait", "gateway", "--timeout", "2s"]
ENTRYPOINT ["devenv"]
CMD ["up", "--listen", "0.0.0.0", "--profile", "minimal"]
