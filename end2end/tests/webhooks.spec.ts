import { createHmac } from 'node:crypto';
import { type Page } from '@playwright/test';

import { violations } from '../axe.ts';
import { expect, open, row, test } from '../fixtures.ts';
import { type Pilothouse } from '../pilothouse.ts';

// axe puts styles of its own into the page, which the page's policy rightly refuses. A name that is taken is refused too.
test.use({ expectedErrors: [/status of 409/], bypassCSP: true });

/** Makes a service that does nothing; it goes away afterwards. */
async function withService(pilothouse: Pilothouse, name: string, use: (id: string) => Promise<void>) {
  const source = { command: ['sleep', '1000'], working_dir: '/tmp' };
  const { id } = await pilothouse.call<{ id: string }>('POST', '/api/services', { name, source, health: { kind: 'none' } });
  await use(id);
  await pilothouse.stopped(name);
  await pilothouse.call('DELETE', `/api/services/${id}`);
}

const hooks = (id: string) => `/services/${id}/deployments/webhooks`;

const made = (page: Page, what: 'Secret' | 'Address') => page.getByRole('group', { name: `${what} of the webhook` });

async function make(page: Page, name: string, branch: string) {
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByLabel('Branch', { exact: true }).fill(branch);
  await page.getByRole('button', { name: 'Make webhook' }).click();
}

/** Calls it as GitHub does. */
async function push(pilothouse: Pilothouse, address: string, secret: string, branch: string): Promise<number> {
  const commit = '7638417db6d59f3c431d3e1f261cc637155684cd';
  const body = JSON.stringify({ ref: `refs/heads/${branch}`, after: commit, head_commit: { id: commit, message: 'Keep carts' } });
  const signature = createHmac('sha256', secret).update(body).digest('hex');
  const headers = { 'content-type': 'application/json', 'x-github-event': 'push', 'x-hub-signature-256': `sha256=${signature}` };
  return (await fetch(new URL(new URL(address, pilothouse.url).pathname, pilothouse.url), { method: 'POST', headers, body })).status;
}

test('a webhook is made, deploys what is pushed, and is removed', async ({ page, pilothouse, signIn }) => {
  await withService(pilothouse, 'hooked', async (id) => {
    await signIn('developer');
    await open(page, `/services/${id}/deployments`);
    await page.getByRole('link', { name: 'Webhooks', exact: true }).click();
    await expect(page).toHaveURL(new RegExp(`${hooks(id)}$`));
    await expect(page.getByText('There is none yet.')).toBeVisible();
    await make(page, 'forge', 'main');
    await expect(made(page, 'Secret')).toHaveText(/^[0-9a-f]{64}$/);
    const [secret, address] = [await made(page, 'Secret').innerText(), await made(page, 'Address').innerText()];
    await expect(row(page, 'forge')).toContainText('never');
    expect(await violations(page)).toEqual([]);
    await make(page, 'forge', '');
    await expect(page.getByText("There is a webhook 'forge' already; choose another name.")).toBeVisible();

    expect(await push(pilothouse, address, secret, 'other')).toBe(200);
    expect(await push(pilothouse, address, 'wrong', 'main')).toBe(401);
    expect(await push(pilothouse, address, secret, 'main')).toBe(202);
    await open(page, hooks(id));
    await expect(page.getByText(secret)).toHaveCount(0);
    await expect(row(page, 'forge')).toContainText('push of 7638417 to main: Keep carts');
    await expect(row(page, 'forge')).toContainText('Called without its secret');
    await row(page, 'forge').getByRole('link', { name: 'Its deployment' }).click();
    await expect(page.getByRole('main')).toContainText('webhook forge');

    await open(page, hooks(id));
    await page.getByText('Remove…').click();
    await page.getByRole('button', { name: 'Remove it' }).click();
    await expect(page.getByRole('main')).toContainText('The webhook is removed');
    await expect(page.getByText('There is none yet.')).toBeVisible();
    expect(await push(pilothouse, address, secret, 'main')).toBe(401);
  });
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('a webhook is made, refused and removed', async ({ page, pilothouse, signIn }) => {
    await withService(pilothouse, 'hooked-plain', async (id) => {
      await signIn('developer');
      await page.goto(hooks(id));
      await make(page, 'forge', 'refs/heads/main');
      await expect(page.getByText('A branch is named as Git names it')).toBeVisible();
      await expect(page.getByLabel('Branch', { exact: true })).toHaveValue('refs/heads/main');
      await make(page, 'forge', '');
      const secret = await made(page, 'Secret').innerText();
      expect(secret).toMatch(/^[0-9a-f]{64}$/);
      await expect(row(page, 'forge')).toContainText('every branch');
      await page.goto(hooks(id));
      await expect(page.getByText(secret)).toHaveCount(0);
      await page.getByText('Remove…').click();
      await page.getByRole('button', { name: 'Remove it' }).click();
      await expect(page.getByText('There is none yet.')).toBeVisible();
    });
  });
});
