# Built with the compiler that ZooKeeper's client needs, run without it. `docker build -t ballot .`
#
# The image holds ballot alone. Put the command in by deriving from it, or by a volume:
#   FROM ballot
#   COPY backup.sh /usr/local/bin/
#   CMD ["run", "once", "--zookeeper-servers", "zk1,zk2,zk3", "--", "backup.sh"]
ARG NODE_VERSION=24

FROM node:${NODE_VERSION}-bookworm AS build
WORKDIR /ballot
COPY package.json package-lock.json .npmrc ./
# npm runs them before and behind an installation.
COPY scripts/node-version.mjs scripts/compile.mjs scripts/
RUN npm ci
COPY scripts/build.mjs scripts/
COPY tsconfig.json tsconfig.types.json ./
COPY src src/
RUN npm run build
# What is left is the native client: everything else is bundled.
RUN npm prune --omit=dev

FROM node:${NODE_VERSION}-bookworm-slim
# tini is process 1. Ballot reaps its own command, but a process that the command leaves behind goes to process 1, and Node reaps no child
# that it did not start. When ballot is killed tini ends, and with it every process of the container.
RUN apt-get update \
  && apt-get install -y --no-install-recommends tini \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /ballot
COPY --from=build /ballot/package.json ./
COPY --from=build /ballot/node_modules node_modules/
COPY --from=build /ballot/dist dist/
RUN ln -s /ballot/dist/main.js /usr/local/bin/ballot
USER node
WORKDIR /
# Signals go to ballot, and from there to the command's process group: give it longer than kill-after (`docker stop --time 20`).
ENTRYPOINT ["tini", "--", "ballot"]
