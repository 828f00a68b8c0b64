// Search: pagefind finds pages, and this decides which comes first: pages that are about the words before those that
// contain them, and what a reader can follow before what they look up.
const weights = { 'How-to': 4, Tutorial: 3, Start: 2, Explanation: 1.2, API: 1 }

// Words that a question has whatever it is about: a page without them would not be found
const common = new Set(`a an and any are be by can could do does for from get have how i if in into is it its make me my of on or our
  put should so some that the then there this to up use using want way we what when where which who why will with would you your`.split(/\s+/))

function subject(query) {
  const words = query.toLowerCase().split(/[\s?!,]+/).filter(Boolean), chosen = words.filter(word => !common.has(word))
  return chosen.length ? chosen : words
}

const stem = word => word.length > 4 ? word.replace(/(?:ing|ed|es|s|e)$/, '') : word  // "redirects" and "redirecting" are one word

function weight({ page, score }, words) {
  const about = `${page.meta.title} ${page.meta.keywords ?? ''}`.toLowerCase().split(/[^\w/#.-]+/).map(stem)
  const named = word => about.some(other => other === word || word.length > 4 && other.startsWith(word))
  const share = words.filter(word => named(stem(word))).length / words.length
  return score * (weights[page.meta.kind] ?? 1) * (1 + 9 * share ** 2)
}

async function resultsOf(index, words) {
  const { results } = await index.search(words.join(' '))
  if (results.length || words.length < 2) return results
  const found = new Map()  // no page has all of the words: those with most of them
  for (const { results } of await Promise.all(words.map(word => index.search(word)))) {
    for (const result of results) {
      const before = found.get(result.id)
      found.set(result.id, { id: result.id, data: result.data, score: (before?.score ?? 0) + result.score })
    }
  }
  return [...found.values()].sort((a, b) => b.score - a.score)
}

export async function find(index, query) {
  const words = subject(query)
  if (!words.length) return []
  const results = await resultsOf(index, words)
  const found = await Promise.all(results.slice(0, 40).map(async result => ({ page: await result.data(), score: result.score })))
  return found.sort((a, b) => weight(b, words) - weight(a, words)).map(({ page }) => page)
}
