import { type Page } from '@playwright/test';

import { violations } from '../axe.ts';
import { expect, open, row, test } from '../fixtures.ts';
import { type Pilothouse } from '../pilothouse.ts';

// axe puts styles of its own into the page, which the page's policy rightly refuses. What can't be is refused too.
test.use({ expectedErrors: [/status of (409|422)/], bypassCSP: true });

const made = (page: Page) => page.getByRole('group', { name: 'Text of the token' });

async function make(page: Page, name: string) {
  await page.getByLabel('New token', { exact: true }).fill(name);
  await page.getByRole('button', { name: 'Make token' }).click();
}

/** Asks as a program does, and answers the status. */
async function asks(pilothouse: Pilothouse, token: string, path: string): Promise<number> {
  return (await fetch(new URL(path, pilothouse.url), { headers: { authorization: `Bearer ${token}` } })).status;
}

test('a token is made, does what its scopes say, and is revoked', async ({ page, pilothouse, signIn }) => {
  await signIn('developer');
  await open(page, '/settings');
  await expect(page.getByRole('checkbox', { name: /^deploy: / })).toBeChecked();
  await page.getByRole('checkbox', { name: /^deploy: / }).uncheck();
  await make(page, 'pipeline');
  await expect(page.getByText('A token has one scope or more')).toBeVisible();
  await page.getByRole('checkbox', { name: /^deploy: / }).check();
  await page.getByLabel('It is good for').selectOption('30 days');
  await make(page, 'pipeline');
  await expect(made(page)).toHaveText(/^pht_[A-Za-z0-9_-]{64}$/);
  const token = await made(page).innerText();
  await expect(row(page, 'pipeline')).toContainText('deploy');
  await expect(row(page, 'pipeline')).toContainText('Never');
  expect(await violations(page)).toEqual([]);
  await make(page, 'pipeline');
  await expect(page.getByText("You have a token 'pipeline' already; choose another name.")).toBeVisible();

  expect(await asks(pilothouse, token, '/api/deploy')).toBe(200);
  expect(await asks(pilothouse, token, '/api/activity')).toBe(403);
  expect(await asks(pilothouse, token, '/api/tokens')).toBe(403);
  await open(page, '/settings');
  await expect(page.getByText(token)).toHaveCount(0);
  await row(page, 'pipeline').getByText('Revoke…').click();
  await row(page, 'pipeline').getByRole('button', { name: 'Revoke it' }).click();
  await expect(page.getByRole('main')).toContainText('The API token is revoked');
  await expect(row(page, 'pipeline')).toHaveCount(0);
  expect(await asks(pilothouse, token, '/api/deploy')).toBe(401);
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('a token is made, refused and revoked', async ({ page, pilothouse, signIn }) => {
    await signIn('developer');
    await page.goto('/settings');
    await page.getByRole('checkbox', { name: /^deploy: / }).uncheck();
    await make(page, 'plain');
    await expect(page.getByText('A token has one scope or more')).toBeVisible();
    await expect(page.getByLabel('New token', { exact: true })).toHaveValue('plain');
    await page.getByRole('checkbox', { name: /^read: / }).check();
    await make(page, 'plain');
    const token = await made(page).innerText();
    expect(token).toMatch(/^pht_[A-Za-z0-9_-]{64}$/);
    expect(await asks(pilothouse, token, '/api/activity')).toBe(200);
    await page.goto('/settings');
    await expect(page.getByText(token)).toHaveCount(0);
    await row(page, 'plain').getByText('Revoke…').click();
    await row(page, 'plain').getByRole('button', { name: 'Revoke it' }).click();
    await expect(page.getByRole('main')).toContainText('The API token is revoked');
    await expect(row(page, 'plain')).toHaveCount(0);
    expect(await asks(pilothouse, token, '/api/activity')).toBe(401);
  });
});
