((call
   function: (attribute object: (identifier) @module attribute: (identifier) @name) @replace
   arguments: (argument_list . (_) .)) @found
 (#eq? @module "yaml")
 (#file-has-line? "import yaml")
 (#any-of? @name "load" "load_all")
 (#has-no? @found "keyword_argument" "dictionary_splat" "list_splat")
 (#set! fix "yaml.safe_{name}"))

((call
   function: (attribute object: (identifier) @module attribute: (identifier) @name)
   arguments: (argument_list (_) [(keyword_argument value: (_) @loader) (attribute) @loader] .)) @found
 (#eq? @module "yaml")
 (#file-has-line? "import yaml")
 (#any-of? @name "load" "load_all")
 (#match? @loader "^yaml\\.(Unsafe|C|UnsafeC)?Loader$"))

((call function: (attribute object: (identifier) @module attribute: (identifier) @name)) @found
 (#eq? @module "yaml")
 (#file-has-line? "import yaml")
 (#any-of? @name "unsafe_load" "unsafe_load_all"))
