// Search: pagefind finds pages, and this decides which comes first: what a reader can follow before what they look up.
const weights = { 'How-to': 4, Tutorial: 3, Start: 2, Explanation: 1.2, API: 1 }

export async function pages(results) {
  const found = await Promise.all(results.slice(0, 30).map(async result => ({ page: await result.data(), score: result.score })))
  const weight = ({ page, score }) => score * (weights[page.meta.kind] ?? 1)
  return found.sort((a, b) => weight(b) - weight(a)).map(({ page }) => page)
}
