import { alive, expect, test } from '../fixtures.ts';
import { PASSWORD, Pilothouse } from '../pilothouse.ts';

test('the first user is made by the link of the console, which works once', async ({ page, browser }) => {
  const fresh = await Pilothouse.fresh();
  try {
    await page.goto(`${fresh.url}/`);
    await expect(page.getByRole('note'), 'the sign-in page says how').toContainText('set-up link');

    const link = fresh.setUpLink ?? '';
    await page.goto(link);
    await page.getByLabel('User name').fill('admin');
    await page.getByLabel('Password').fill('too short');
    await page.getByRole('button', { name: 'Make user and sign in' }).click();
    await expect(page, 'the browser holds back what is too short').toHaveURL(link);
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Make user and sign in' }).click();
    await expect(page.getByRole('heading', { name: 'Overview' })).toBeVisible();
    await alive(page);
    await expect(page.getByRole('main'), 'an empty Pilothouse says what to do').toContainText('No services yet');

    const other = await browser.newPage();
    await other.goto(link);
    await other.getByLabel('User name').fill('mallory');
    await other.getByLabel('Password').fill(PASSWORD);
    await other.getByRole('button', { name: 'Make user and sign in' }).click();
    await expect(other.getByRole('alert')).toBeVisible();
    expect(await fresh.call<{ items: unknown[] }>('GET', '/api/users')).toMatchObject({ items: [{ username: 'admin' }] });
    await other.close();
  } finally {
    // A page that is left open would complain of what it can't reach.
    await page.goto('about:blank');
    await fresh.end();
  }
});
