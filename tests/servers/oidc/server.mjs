// A certified OpenID provider for the tests: `node server.mjs <port> <configuration as JSON>`.
// The configuration: {people: {<login>: {claims}}}. Whoever is named in the form is signed in.
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const [port, text] = process.argv.slice(2);
const { people } = JSON.parse(text);
const issuer = `http://127.0.0.1:${port}`;

const provider = new Provider(issuer, {
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"], groups: ["groups"] },
  scopes: ["openid", "email", "profile", "groups", "offline_access"],
  // As many a provider does: what the scopes ask for is in the ID token, too.
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  // Each test registers a client of its own: the redirect address names its organization.
  features: { devInteractions: { enabled: false }, registration: { enabled: true } },
  cookies: { keys: ["only for tests"] },
  interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_context, id) => people[id] && { accountId: id, claims: () => ({ sub: id, ...people[id] }) },
  // Everything that a client of ours may ask for is granted.
  async loadExistingGrant(context) {
    const grant = new provider.Grant({
      clientId: context.oidc.client.clientId,
      accountId: context.oidc.session.accountId,
    });
    grant.addOIDCScope("openid email profile groups");
    await grant.save();
    return grant;
  },
});
const answer = provider.callback();

async function interaction(request, response) {
  await provider.interactionDetails(request, response);
  if (request.method === "GET") {
    response.setHeader("content-type", "text/html; charset=utf-8");
    response.end(`<!doctype html><html lang="en"><title>Test directory</title><form method="post">
      <label>Login <input name="login" autofocus></label><button>Continue</button></form></html>`);
    return;
  }
  let body = "";
  for await (const part of request) body += part;
  const login = new URLSearchParams(body).get("login");
  const result = people[login] ? { login: { accountId: login } } : { error: "access_denied" };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

createServer((request, response) => {
  const handled = request.url.startsWith("/interaction/") ? interaction(request, response) : answer(request, response);
  Promise.resolve(handled).catch((error) => {
    response.statusCode = 500;
    response.end(String(error));
  });
}).listen(Number(port), "127.0.0.1", () => console.log("ready"));
