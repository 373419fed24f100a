# The control plane's processes: the API (as it is), the control worker (with the argument workers/control.ts), or the
# devices' gateway (workers/gateway.ts).
#
#   npm ci && npm run build:web && docker build --tag drayage .             the base is Node's public image
#   docker build --build-arg BASE_IMAGE=registry.example/node:24 ...       another base: glibc, and `node` on its PATH
#
# Nothing is fetched during the build: the npm packages are those of the context, which the tests ran on. They must have
# been installed for the image's processor (elsewhere: npm ci --omit=dev --os=linux --cpu=arm64).
ARG BASE_IMAGE=node:24.21.0-bookworm-slim

FROM ${BASE_IMAGE} AS packages
WORKDIR /app
# A Node that is too old, or built without what runs TypeScript, is noticed here and not in the field.
RUN ["node", "-e", "if (!process.features.typescript) { console.error('This base image has Node ' + process.version + ', which does not run TypeScript. Use one of Node 24.'); process.exit(1); }"]
COPY package.json package-lock.json ./
COPY deploy/productionPackages.ts deploy/
COPY node_modules node_modules
RUN ["node", "deploy/productionPackages.ts"]
COPY core core
COPY workflows workflows
COPY deploy/bundleWorkflows.ts deploy/
RUN ["node", "deploy/bundleWorkflows.ts", "/app/workflows.bundle.js"]

FROM ${BASE_IMAGE}
WORKDIR /app
RUN ["node", "-e", "fs.mkdirSync('/data', { mode: 0o700 }); fs.chownSync('/data', 10001, 10001)"]
COPY --from=packages /app/node_modules node_modules
COPY --from=packages /app/workflows.bundle.js ./
COPY package.json ./
COPY activities activities
COPY api api
COPY core core
COPY db db
COPY device device
COPY web/dist web/dist
COPY workers workers
COPY workflows workflows
COPY deploy/health.ts deploy/
ENV NODE_ENV=production \
    HOME=/tmp \
    DRAYAGE_DATA_DIR=/data \
    DRAYAGE_WORKFLOW_BUNDLE=/app/workflows.bundle.js \
    DRAYAGE_API_LISTEN=0.0.0.0:7480 \
    DRAYAGE_DEVICE_LISTEN=0.0.0.0:7443
# By number, so that an orchestrator sees that it is not root. It writes to /data alone (and /tmp): the rest may be read-only.
USER 10001:10001
VOLUME ["/data"]
EXPOSE 7480 7443 7234
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=4 CMD ["node", "deploy/health.ts"]
ENTRYPOINT ["node"]
CMD ["workers/api.ts"]
