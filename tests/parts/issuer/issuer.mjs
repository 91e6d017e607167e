// A certified OpenID provider for the journeys: any login name is somebody, PKCE is required and
// refresh tokens rotate. Configured by one JSON argument; prints one line when it listens.
import Provider, { errors } from "oidc-provider";

const { port, redirectUris, postLogoutRedirectUris, backchannelLogoutUri, clientSecret, accessTokenLifetime, resources, accessTokenFormat, client, features, more } =
  JSON.parse(process.argv[2]);

const provider = new Provider(`http://localhost:${port}`, {
  clients: [
    {
      client_id: "gateway",
      client_secret: clientSecret,
      grant_types: ["authorization_code", "refresh_token"],
      redirect_uris: redirectUris,
      post_logout_redirect_uris: postLogoutRedirectUris ?? [],
      ...(backchannelLogoutUri && {
        backchannel_logout_uri: backchannelLogoutUri,
        backchannel_logout_session_required: true,
      }),
      ...client,
    },
  ],
  cookies: { keys: ["only for tests"] },
  claims: {
    openid: ["sub"],
    email: ["email", "email_verified"],
    profile: ["name"],
  },
  pkce: { required: () => true },
  rotateRefreshToken: true,
  ...(accessTokenLifetime && { ttl: { AccessToken: accessTokenLifetime } }),
  // Its own calls (back-channel logout) may reach loopback, where the gateway under test is.
  fetch: (url, { dispatcher, ...options }) => fetch(url, options),
  features: {
    devInteractions: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    backchannelLogout: { enabled: true },
    ...(resources && {
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_ctx, resource) => {
          if (!resources.includes(resource)) throw new errors.InvalidTarget();
          return { scope: "openid", audience: resource, accessTokenFormat: accessTokenFormat ?? "jwt" };
        },
      },
    }),
    // Most journeys look at what the browser carries.
    pushedAuthorizationRequests: { enabled: false },
    ...features,
  },
  ...more,
  findAccount: (_ctx, id) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      email: `${id}@example.com`,
      email_verified: true,
      name: `${id[0].toUpperCase()}${id.slice(1)} Example`,
    }),
  }),
});

provider.listen(port, "127.0.0.1", () => console.log(`listening on ${port}`));
