import { expect, it } from 'vitest';
import { appDockerfile } from './appDockerfile.ts';

const app = { id: 'app_000000000001', base: `sha256:${'0'.repeat(64)}`, runtime: 'python' as const };

it('puts the files on the base, runs nothing, and ends with the label that a whole image has', () => {
  const text = appDockerfile(app, {
    start: ['python3', 'serve.py', '--name=a "b" \\ é'],
    ports: [{ compute: 8080, protocol: 'tcp' }],
  });
  expect(text.split('\n')).toEqual([
    `FROM ${app.base}`,
    'LABEL drayage.build=app_000000000001',
    'ENV PYTHONUNBUFFERED=1',
    'COPY --chown=65534:65534 app/ /app/',
    'WORKDIR /app',
    'EXPOSE 8080/tcp',
    'USER 65534:65534',
    'ENTRYPOINT []',
    'CMD ["python3","serve.py","--name=a \\"b\\" \\\\ é"]',
    'LABEL drayage.app=app_000000000001',
    '',
  ]);
});
