import { type Page } from '@playwright/test';
import { alive, expect, states, test } from '../fixtures.ts';
import { PASSWORD } from '../pilothouse.ts';

/** Presses Tab until the element with that name has the focus. */
async function tabTo(page: Page, role: 'button' | 'link', name: string): Promise<void> {
  const wanted = page.getByRole(role, { name, exact: true });
  for (let presses = 0; presses < 60; presses += 1) {
    if (await wanted.evaluateAll((found) => found.some((element) => element === document.activeElement))) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`Tab never reaches the ${role} ${name}`);
}

test('signing in, starting and stopping need no mouse', async ({ page, pilothouse }) => {
  await pilothouse.stopped('payments');
  await page.goto('/sign-in');
  await expect(page.getByLabel('User name')).toBeFocused();
  await page.keyboard.type('developer');
  await page.keyboard.press('Tab');
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press('Enter');
  await expect(page.getByRole('navigation', { name: 'Main' })).toBeVisible();
  await alive(page);

  await page.keyboard.press('Tab');
  await expect(page.getByRole('link', { name: 'Skip to content' }), 'the first stop skips the frame').toBeFocused();
  await tabTo(page, 'link', 'Services');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: 'Services' })).toBeVisible();
  await tabTo(page, 'link', 'payments');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: 'payments', level: 1 })).toBeVisible();

  await tabTo(page, 'button', 'Start payments');
  await page.keyboard.press('Enter');
  await expect(states(page)).toContainText('Running', { timeout: 120_000 });
  await tabTo(page, 'button', 'Stop payments');
  await page.keyboard.press('Enter');
  const question = page.getByRole('dialog', { name: 'Stop payments?' });
  await expect(question.getByRole('button', { name: 'Cancel' }), 'the safe answer has the focus').toBeFocused();
  await page.keyboard.press('Escape');
  await expect(question).toBeHidden();
  await expect(page.getByRole('button', { name: 'Stop payments', exact: true }), 'the focus comes back').toBeFocused();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await expect(states(page)).toContainText('Stopped', { timeout: 30_000 });
});
