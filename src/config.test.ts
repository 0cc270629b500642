import { describe, expect, test } from 'vitest';
import { ConfigError, readConfig } from './config.ts';

const PLAIN = {
  REDIS_URL: 'redis://127.0.0.1:6379',
  NAVER_CLIENT_ID: 'an-id',
  NAVER_CLIENT_SECRET: 'a-secret',
};

const PRODUCTION = {
  ...PLAIN,
  NODE_ENV: 'production',
  PUBLIC_URL: 'https://example.com/memo',
};

const read = (env: Record<string, string | undefined> = {}) => readConfig({ ...PLAIN, ...env });

/** The error message for this environment. */
function complaint(env: Record<string, string | undefined>): string {
  try {
    readConfig(env);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message;
  }
  throw new Error('it was accepted');
}

describe('the defaults', () => {
  test('serve http://localhost:8000 on all interfaces, with the real Naver', () => {
    const config = read();
    expect(config).toMatchObject({
      port: 8000,
      publicUrl: 'http://localhost:8000',
      prefix: '',
      basePath: '',
      redis: { kind: 'single', tls: false, nodes: [{ host: '127.0.0.1', port: 6379 }], db: 0 },
      naver: {
        clientId: 'an-id',
        clientSecret: 'a-secret',
        authUrl: 'https://nid.naver.com',
        apiUrl: 'https://openapi.naver.com',
      },
      logLevel: 'info',
    });
    expect(config.host).toBeUndefined();
  });

  test('replace empty values, too', () => {
    const names = [
      'PORT',
      'HOST',
      'PUBLIC_URL',
      'BASE_PATH',
      'NAVER_AUTH_URL',
      'NAVER_API_URL',
      'LOG_LEVEL',
      'NODE_ENV',
    ];
    expect(read(Object.fromEntries(names.map((name) => [name, ''])))).toEqual(read());
  });

  test('derive the public URL from the port', () => {
    expect(read({ PORT: '3210' })).toMatchObject({
      port: 3210,
      publicUrl: 'http://localhost:3210',
    });
  });

  test('are not changed by variables of other programs', () => {
    expect(read({ PATH: '/bin', HTTP_PROXY: 'http://proxy', REDIS_HOST: 'x' })).toEqual(read());
  });
});

describe('valid values', () => {
  test.each([
    ['PORT', '1', { port: 1 }],
    ['PORT', '65535', { port: 65535 }],
    ['HOST', '127.0.0.1', { host: '127.0.0.1' }],
    ['HOST', '::1', { host: '::1' }],
    ['HOST', 'memo-1.internal', { host: 'memo-1.internal' }],
    ['BASE_PATH', '/inside', { basePath: '/inside', prefix: '' }],
    ['BASE_PATH', '/inside/', { basePath: '/inside' }],
    ['BASE_PATH', '/a/b-c/d.e/~f_', { basePath: '/a/b-c/d.e/~f_' }],
    ['NAVER_CLIENT_ID', 'jyvqXeaVOVmV', { naver: { clientId: 'jyvqXeaVOVmV' } }],
    ['NAVER_CLIENT_SECRET', '52+7:=!~', { naver: { clientSecret: '52+7:=!~' } }],
    ['NAVER_AUTH_URL', 'http://127.0.0.1:9000', { naver: { authUrl: 'http://127.0.0.1:9000' } }],
    ['NAVER_AUTH_URL', 'http://[::1]:9000', { naver: { authUrl: 'http://[::1]:9000' } }],
    ['NAVER_API_URL', 'http://localhost:9/', { naver: { apiUrl: 'http://localhost:9' } }],
    ['NAVER_API_URL', 'https://example.com:443', { naver: { apiUrl: 'https://example.com' } }],
    ['TRUST_PROXY', '2', { trustProxy: 2 }],
    ['WRITES_PER_MINUTE', '0', { writesPerMinute: 0 }],
    ['LOGINS_PER_MINUTE', '1000', { loginsPerMinute: 1000 }],
    ['STORAGE_PER_PERSON', '5', { storagePerPerson: 5 * 1024 * 1024 }],
    ['STORAGE_PER_PERSON', '0', { storagePerPerson: 0 }],
    ['SHUTDOWN_DELAY', '0', { shutdownDelay: 0 }],
    ['SHUTDOWN_DELAY', '60', { shutdownDelay: 60_000 }],
    ['LOG_LEVEL', 'trace', { logLevel: 'trace' }],
    ['LOG_LEVEL', 'silent', { logLevel: 'silent' }],
  ])('%s=%s is accepted', (name, value, expected) => {
    expect(read({ [name]: value })).toMatchObject(expected);
  });
});

describe('wrong values', () => {
  const long = 'x'.repeat(201);
  test.each([
    ...['0', '65536', '-1', '8000.5', '0x1f90', '1e3', 'http', ' 8000', '8000\n', '８０００'].map(
      (value) => ['PORT', value],
    ),
    ...['a host', '127.0.0.1/8', 'host\nname', '호스트'].map((value) => ['HOST', value]),
    ...[
      'memo.example.com',
      'ftp://example.com/memo',
      'javascript:alert(1)',
      'https://',
      'https://kim@example.com/',
      'https://kim:hunter2@example.com/',
      'https://example.com/?a=b',
      'https://example.com/?',
      'https://example.com/#top',
      'https://example.com/memo#',
      'https://example.com//',
      'https://example.com/a//b',
      'https://example.com/a;b',
      'https://example.com/a%2Fb',
      'https://example.com/메모',
      'https://example.com/a b',
    ].map((value) => ['PUBLIC_URL', value]),
    ...['memo', '//', '/a//b', '/../up', '/.', '/a%20b', '/a b', '/a?b', '/a\n', '\\a'].map(
      (value) => ['BASE_PATH', value],
    ),
    ...['with space', 'two\nlines', '비밀', 'tab\t', long].map((value) => [
      'NAVER_CLIENT_ID',
      value,
    ]),
    ...['with space', 'two\r\nlines', '비밀', '\0', long].map((value) => [
      'NAVER_CLIENT_SECRET',
      value,
    ]),
    ...[
      'TRUST_PROXY',
      'WRITES_PER_MINUTE',
      'LOGINS_PER_MINUTE',
      'STORAGE_PER_PERSON',
      'SHUTDOWN_DELAY',
    ].flatMap((name) =>
      ['-1', '1.5', '1e3', 'true', ' 1', '10000000'].map((value) => [name, value] as const),
    ),
    ...['NAVER_AUTH_URL', 'NAVER_API_URL'].flatMap((name) =>
      [
        'nid.example.com',
        'http://nid.example.com', // the secret would travel in the open
        'http://localhost.example.com',
        'http://127.0.0.1.example.com',
        'https://nid.example.com/path',
        'https://nid.example.com/?query',
        'https://user:pass@nid.example.com',
        'file:///etc/passwd',
      ].map((value) => [name, value]),
    ),
    ...['INFO', 'verbose', 'info,debug', '30', 'toString'].map((value) => ['LOG_LEVEL', value]),
    ...[
      'localhost:6379',
      'http://127.0.0.1:6379',
      'redis:127.0.0.1',
      'redis://',
      'redis:///0',
      'redis://:hunter2@',
      'redis://host:0',
      'redis://host:65536',
      'redis://host:port',
      'redis://host:6379/zero',
      'redis://host:6379/-1',
      'redis://host:6379/0/1',
      'redis://host:6379?db=1',
      'redis://host:6379#1',
      'redis://ho st:6379',
      'redis://host:6379\n',
      'redis://one:6379,two:6379',
      'redis://::1:6379',
      'redis://[::1:6379',
      'redis://:half%escape@host',
      'redis://:hunter@2@host',
      'redis://:hunter/2@host',
      'redis+unix://host',
      'redis+cluster://',
      'redis+cluster://one:7000,',
      'redis+cluster://one:7000,two:x',
      'redis+cluster://one:7000/1', // a cluster has database 0 only
      'redis+sentinel://one:26379', // which primary?
      'redis+sentinel://one:26379/',
      'redis+sentinel://one:26379/my master',
    ].map((value) => ['REDIS_URL', value]),
  ] as [string, string][])('%s=%j stops the start, naming the variable only', (name, value) => {
    const message = complaint({ ...PLAIN, [name]: value });
    expect(message).toMatch(new RegExp(`^${name} is wrong: expected .`));
    expect(message).not.toMatch(/[\r\n]/);
    expect(message).not.toContain('hunter');
    // The message does not contain the value; short values may occur in it by chance.
    if (value.length > 8) expect(message).not.toContain(value.trim());
  });
});

describe('required variables', () => {
  test.each(['REDIS_URL', 'NAVER_CLIENT_ID', 'NAVER_CLIENT_SECRET'])(
    'include %s always',
    (name) => {
      for (const value of [undefined, '']) {
        const message = complaint({ ...PLAIN, [name]: value });
        expect(message).toMatch(new RegExp(`^${name} is missing: expected .`));
        expect(message).not.toMatch(/[\r\n]/);
      }
    },
  );

  test.each(['REDIS_URL', 'PUBLIC_URL', 'NAVER_CLIENT_ID', 'NAVER_CLIENT_SECRET'])(
    'include %s in production',
    (name) => {
      for (const value of [undefined, '']) {
        expect(complaint({ ...PRODUCTION, [name]: value })).toMatch(
          new RegExp(`^${name} is missing: expected .`),
        );
      }
    },
  );

  test('suffice in production', () => {
    expect(readConfig(PRODUCTION)).toMatchObject({
      publicUrl: 'https://example.com/memo',
      prefix: '/memo',
      basePath: '/memo',
    });
  });
});

describe('PUBLIC_URL', () => {
  test.each([
    ['http://localhost:8000', 'http://localhost:8000', ''],
    ['http://localhost:8000/', 'http://localhost:8000', ''],
    ['https://example.com/memo', 'https://example.com/memo', '/memo'],
    ['https://example.com/memo/', 'https://example.com/memo', '/memo'],
    ['https://example.com:8443/a/b/', 'https://example.com:8443/a/b', '/a/b'],
    ['https://example.com:443/memo', 'https://example.com/memo', '/memo'],
    ['HTTPS://Example.COM/Memo', 'https://example.com/Memo', '/Memo'],
    ['http://[::1]:8000/~kim', 'http://[::1]:8000/~kim', '/~kim'],
    ['https://메모.example', 'https://xn--h32b2f.example', ''],
  ])('%s becomes %s with the prefix "%s"', (value, publicUrl, prefix) => {
    const config = read({ PUBLIC_URL: value });
    expect(config).toMatchObject({ publicUrl, prefix, basePath: prefix });
  });

  test('keeps its prefix if BASE_PATH=/ says that a proxy strips it', () => {
    expect(read({ PUBLIC_URL: 'https://example.com/memo', BASE_PATH: '/' })).toMatchObject({
      publicUrl: 'https://example.com/memo',
      prefix: '/memo',
      basePath: '',
    });
  });
});

describe('REDIS_URL', () => {
  const node = (host: string, port: number) => ({ host, port });

  test.each([
    ['redis://cache', { kind: 'single', tls: false, nodes: [node('cache', 6379)], db: 0 }],
    ['redis://cache:1/', { kind: 'single', tls: false, nodes: [node('cache', 1)], db: 0 }],
    [
      'redis://cache:65535/15',
      { kind: 'single', tls: false, nodes: [node('cache', 65535)], db: 15 },
    ],
    [
      'rediss://cache.example.com:6380/2',
      { kind: 'single', tls: true, nodes: [node('cache.example.com', 6380)], db: 2 },
    ],
    ['redis://[::1]', { kind: 'single', tls: false, nodes: [node('::1', 6379)], db: 0 }],
    [
      'redis://:pw@[2001:db8::7]:6390/1',
      {
        kind: 'single',
        tls: false,
        nodes: [node('2001:db8::7', 6390)],
        password: 'pw',
        db: 1,
      },
    ],
    [
      'redis://kim:pw@cache',
      {
        kind: 'single',
        tls: false,
        nodes: [node('cache', 6379)],
        username: 'kim',
        password: 'pw',
        db: 0,
      },
    ],
    [
      'redis+cluster://one:7000,two,[::1]:7002',
      {
        kind: 'cluster',
        tls: false,
        nodes: [node('one', 7000), node('two', 6379), node('::1', 7002)],
        db: 0,
      },
    ],
    [
      'rediss+cluster://kim:pw@one:7000/0',
      {
        kind: 'cluster',
        tls: true,
        nodes: [node('one', 7000)],
        username: 'kim',
        password: 'pw',
        db: 0,
      },
    ],
    [
      'redis+sentinel://one:26379,two/my-master.1',
      {
        kind: 'sentinel',
        tls: false,
        nodes: [node('one', 26379), node('two', 26379)],
        db: 0,
        master: 'my-master.1',
      },
    ],
    [
      'rediss+sentinel://:pw@[::1],[::2]:5/primary',
      {
        kind: 'sentinel',
        tls: true,
        nodes: [node('::1', 26379), node('::2', 5)],
        password: 'pw',
        db: 0,
        master: 'primary',
      },
    ],
  ])('%s is parsed completely', (value, expected) => {
    expect(read({ REDIS_URL: value }).redis).toEqual(expected);
  });

  test('may have any password that is percent-encoded', () => {
    for (const password of ['a:b', 'p@ss/w?rd#1', '100%', '비밀 번호', 'a,b', '+', '[x]', '%41']) {
      const url = `redis://${encodeURIComponent('ki:m')}:${encodeURIComponent(password)}@cache:7`;
      expect(read({ REDIS_URL: url }).redis).toMatchObject({
        username: 'ki:m',
        password,
        nodes: [node('cache', 7)],
      });
    }
  });

  test('may have an unencoded colon or comma in the password', () => {
    expect(read({ REDIS_URL: 'redis://:a:b,c@cache:7' }).redis).toMatchObject({
      password: 'a:b,c',
      nodes: [node('cache', 7)],
    });
  });
});
