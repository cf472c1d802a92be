// An OpenID provider for the tests: oidc-provider on loopback, with the clients, persons and keys that OPENID_SETTINGS names.
import { Provider } from "oidc-provider";

const { port, clients, persons, keys, userinfo } = JSON.parse(process.env.OPENID_SETTINGS);

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients,
  jwks: { keys },
  claims: { openid: ["sub"], profile: ["preferred_username", "groups"] },
  conformIdTokenClaims: userinfo, // true: the claims of `profile` are told at the userinfo endpoint only
  cookies: { keys: ["of the tests"] },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...persons[id] }) }),
});
provider.listen(port, "127.0.0.1", () => console.log("up"));
