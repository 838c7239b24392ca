((call_expression function: (scoped_identifier) @name) @found
 (#match? @name "^(std::)?thread::sleep(_ms)?$")
 (#inside-async? @found))

((call_expression function: (scoped_identifier) @name) @found
 (#match? @name "^reqwest::blocking::(get|Client::(new|builder))$")
 (#inside-async? @found))
