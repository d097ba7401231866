# One program on a Node.js without a shell. Building it needs nothing but this file and the sources:
#
#   docker build --tag spegel .
#
# The bundle is the same for every platform, so a build for several makes it once. What has been built (and tested)
# already is taken as it is with `--build-arg BUNDLE=prebuilt`.

ARG BUILD_BASE=docker.io/library/node:24-trixie-slim
# Anything that has Node.js 24 at /nodejs/bin/node. Its user may be root, which containerd's socket and content belong to.
ARG BASE=gcr.io/distroless/nodejs24-debian13
ARG BUNDLE=build

FROM --platform=$BUILDPLATFORM ${BUILD_BASE} AS build
WORKDIR /src
COPY .npmrc package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts scripts
COPY src src
RUN npm run build

FROM scratch AS prebuilt
COPY dist/spegel.js /src/dist/spegel.js

FROM ${BUNDLE} AS bundle

FROM ${BASE}
ARG VERSION=0.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="spegel" \
      org.opencontainers.image.description="A stateless, cluster-local OCI registry mirror." \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=bundle --chmod=0555 /src/dist/spegel.js /app/spegel.js
WORKDIR /app
USER 0:0
# The heap is a share of the memory limit of the container (of the machine's memory where there is none); the rest is for
# the program itself and the buffers of transfers, which have limits of their own.
ENTRYPOINT ["/nodejs/bin/node", "--max-old-space-size-percentage=40", "/app/spegel.js"]
CMD ["--help"]
