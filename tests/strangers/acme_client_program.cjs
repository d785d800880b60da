// Obtain and revoke one certificate with acme-client; run by Node.js with NODE_PATH at its environment.
//
//     program.cjs obtain {"home", "directory", "challenge", "txt", "eab", "profile", "names"}
//     program.cjs revoke {"home", "directory"}
"use strict";
const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");
const tls = require("node:tls");
const acme = require("acme-client");

const answers = new Map(); // http-01: path -> key authorization; tls-alpn-01: name -> secure context
const servers = [];

function listen(server, port) {
  servers.push(server);
  return new Promise((ready) => server.listen(port, "127.0.0.1", ready));
}

function serveHttp() {
  return listen(http.createServer((asked, answer) => answer.end(answers.get(asked.url) ?? "")), 80);
}

function serveTls() {
  const server = tls.createServer({
    ALPNProtocols: ["acme-tls/1"],
    SNICallback: (name, done) => done(null, answers.get(name)),
  });
  return listen(server, 443);
}

const solvers = {
  "http-01": {
    serve: serveHttp,
    create: async (authorization, challenge, key) =>
      answers.set(`/.well-known/acme-challenge/${challenge.token}`, key),
    remove: async (authorization, challenge) => answers.delete(`/.well-known/acme-challenge/${challenge.token}`),
  },
  "dns-01": {
    serve: async () => {},
    create: async (authorization, challenge, key) => record("add", authorization, key),
    remove: async (authorization, challenge, key) => record("delete", authorization, key),
  },
  "tls-alpn-01": {
    serve: serveTls,
    create: async (authorization, challenge, keyAuthorization) => {
      const [key, cert] = await acme.crypto.createAlpnCertificate(authorization, keyAuthorization);
      answers.set(authorization.identifier.value, tls.createSecureContext({ key, cert }));
    },
    remove: async (authorization) => answers.delete(authorization.identifier.value),
  },
};

// An account that is there already is sent this as an update, which may not be empty.
const account = { termsOfServiceAgreed: true, contact: ["mailto:stranger@example.test"] };

let wish;

function record(verb, authorization, value) {
  execFileSync(wish.txt, [verb, authorization.identifier.value, value]);
}

async function connected() {
  const file = path.join(wish.home, "account.pem");
  if (!fs.existsSync(file)) fs.writeFileSync(file, await acme.crypto.createPrivateEcdsaKey(), { mode: 0o600 });
  return new acme.Client({
    directoryUrl: wish.directory,
    accountKey: fs.readFileSync(file),
    externalAccountBinding: wish.eab ?? {},
    backoffMin: 200,
  });
}

async function obtain() {
  const solver = solvers[wish.challenge];
  await solver.serve();
  const [, csr] = await acme.crypto.createCsr({ altNames: wish.names }, await acme.crypto.createPrivateEcdsaKey());
  const chain = await (await connected()).auto({
    csr,
    email: "stranger@example.test",
    termsOfServiceAgreed: true,
    challengePriority: [wish.challenge],
    challengeCreateFn: solver.create,
    challengeRemoveFn: solver.remove,
    // Its own look at the answer asks the machine's resolver and real ports; the CA's look is what counts.
    skipChallengeVerification: true,
  });
  fs.writeFileSync(path.join(wish.home, "it.pem"), chain);
  servers.forEach((server) => server.close());
}

async function revoke() {
  const client = await connected();
  await client.createAccount(account);
  const [leaf] = acme.crypto.splitPemChain(fs.readFileSync(path.join(wish.home, "it.pem")));
  await client.revokeCertificate(leaf, { reason: 4 });
}

wish = JSON.parse(process.argv[3]);
const verb = { obtain, revoke }[process.argv[2]];
verb().catch((error) => {
  console.error(error);
  process.exit(1);
});
