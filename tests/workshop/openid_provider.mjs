// A real OpenID provider (the npm package oidc-provider, OpenID Certified) on a port the system chooses.
// Anybody may log in under any name. Its clients are native ones, so that redirects to any port of this machine are allowed (RFC 8252, 7.3).
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const client = (id, more) => ({
  client_id: id, application_type: 'native', redirect_uris: ['http://127.0.0.1/redirect'],
  post_logout_redirect_uris: ['http://127.0.0.1/bye'], response_types: ['code'], grant_types: ['authorization_code'], ...more,
});
const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  const provider = new Provider(`http://localhost:${port}`, {
    clients: [client('shop', { client_secret: 'kept secret' }), client('public', { token_endpoint_auth_method: 'none' })],
    claims: { openid: ['sub'], email: ['email', 'email_verified'] },
    pkce: { required: () => true },
    responseModes: ['form_post', 'query'],
    cookies: { keys: ['only for tests'] },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, email: `${id}@friends.example`, email_verified: true }) }),
  });
  server.on('request', provider.callback());
  console.log(`http://127.0.0.1:${port}`);
});
