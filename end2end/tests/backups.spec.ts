import { readFile } from 'node:fs/promises';
import { alive, expect, open, test } from '../fixtures.ts';
import { PASSWORD } from '../pilothouse.ts';

// The browser notes each refusal on its console.
test.use({ expectedErrors: [/status of (409|422)/] });

const PASSPHRASE = 'a passphrase of many words';
const SECRET = 'never-in-a-backup-in-clear';

test('an admin makes a backup of all configurations, sees what restoring it would do, and restores it', async ({ page, pilothouse, signIn }) => {
  test.setTimeout(120_000);
  const source = { command: ['sleep', '1000'], working_dir: '/tmp' };
  const { id } = await pilothouse.call<{ id: string }>('POST', '/api/services', { name: 'backed-up', source, health: { kind: 'none' } });
  const save = (values: Record<string, unknown>, version: number) =>
    pilothouse.call('PUT', `/api/config/services/${id}`, { values, version, message: 'from elsewhere' });
  await save({ LEVEL: 'info', API_KEY: SECRET }, 1);

  await signIn('admin');
  await open(page, '/configuration');
  await page.getByRole('link', { name: 'Back up and restore' }).click();
  await expect(page.getByRole('heading', { name: 'Back up and restore', level: 1 })).toBeVisible();
  await alive(page);
  const making = page.getByRole('region', { name: 'Back up', exact: true });
  await making.getByLabel('Passphrase', { exact: true }).fill(PASSPHRASE);
  await making.getByLabel('Passphrase once more').fill(PASSPHRASE);
  await making.getByLabel('Your password').fill(PASSWORD);
  const downloading = page.waitForEvent('download');
  await making.getByRole('button', { name: 'Make a backup' }).click();
  const download = await downloading;
  expect(download.suggestedFilename()).toMatch(/^pilothouse-.*\.backup$/);
  const file = await readFile(await download.path());
  expect(file.includes(SECRET)).toBe(false);
  await save({ LEVEL: 'debug', API_KEY: SECRET }, 2);

  const restoring = page.getByRole('region', { name: 'Restore', exact: true });
  const fill = async (passphrase: string) => {
    await restoring.getByLabel('Save the newest of each service').check();
    await restoring.getByLabel('Your password').fill(PASSWORD);
    await restoring.getByLabel('Passphrase of the backup').fill(passphrase);
    await restoring.getByLabel('Backup', { exact: true }).setInputFiles({ name: 'x.backup', mimeType: 'application/octet-stream', buffer: file });
  };
  await fill('another passphrase');
  await restoring.getByRole('button', { name: 'Go on' }).click();
  await expect(restoring.getByRole('status')).toContainText('passphrase of the backup');
  await fill(PASSPHRASE);
  await restoring.getByRole('button', { name: 'Go on' }).click();
  await expect(restoring.getByRole('row').filter({ hasText: 'backed-up' })).toContainText('the newest is version 4 here');
  await expect(restoring).toContainText('Nothing was done yet.');
  await fill(PASSPHRASE);
  await expect(restoring.getByLabel('Restore it')).toBeChecked();
  await restoring.getByRole('button', { name: 'Go on' }).click();
  await expect(restoring.getByRole('status')).toContainText('It has changed');
  const now = await pilothouse.call<{ version: number; values: Record<string, unknown> }>('GET', `/api/config/services/${id}`);
  expect([now.version, now.values.LEVEL]).toEqual([4, 'info']);
  await pilothouse.call('DELETE', `/api/services/${id}`);
});
