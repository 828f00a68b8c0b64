-- Many pages in one process, since starting pandoc and letting it colour code take most of the time of a page:
-- pandoc lua convert.lua DIALECT TEMPLATE FILTER,... FILE..., and FILE.html is written beside each FILE
local function content(path)
  local file = assert(io.open(path, 'rb'))
  local text = file:read('a')
  file:close()
  return text
end

-- An entry of the reference keeps its name, where links point to; a heading or a second entry with this name gets another
local function with_own_names(doc)
  local entries, used = {}, {}
  doc:walk{Header = function(header)
    if header.classes:includes('entry') then entries[header.identifier] = true end
  end}
  return doc:walk{Header = function(header)
    local name, number = header.identifier, 1
    if entries[name] and not header.classes:includes('entry') then name = name .. '-section' end
    header.identifier = name
    while used[header.identifier] do
      number = number + 1
      header.identifier = name .. '-' .. number
    end
    used[header.identifier] = true
    return header
  end}
end

local options = pandoc.WriterOptions{
  highlight_method = 'none', table_of_contents = true, toc_depth = 3, wrap_text = 'preserve',
  template = pandoc.template.compile(content(arg[2])),
}
for i = 4, #arg do
  local doc = pandoc.read(content(arg[i]), arg[1])
  for filter in arg[3]:gmatch('[^,]+') do doc = pandoc.utils.run_lua_filter(doc, filter) end
  local out = assert(io.open(arg[i] .. '.html', 'wb'))
  out:write(pandoc.write(with_own_names(doc), 'html5', options))
  out:close()
end
