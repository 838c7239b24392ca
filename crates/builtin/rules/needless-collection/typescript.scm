((subscript_expression
   object: (call_expression
     function: (member_expression object: (_) @items property: (property_identifier) @filter)
     arguments: (arguments . [(arrow_function) (function_expression)] @test .))
   index: (number) @zero) @found
 (#eq? @filter "filter") (#eq? @zero "0")
 (#not-match? @items "\\$|jQuery|cheerio|d3\\.")
 (#not-match? @found "\\?\\.")
 (#read-only? @found)
 (#set! fix "{items}.find({test})"))

((binary_expression
   left: (member_expression
     object: (call_expression
       function: (member_expression object: (_) @items property: (property_identifier) @filter)
       arguments: (arguments . [(arrow_function) (function_expression)] @test .))
     property: (property_identifier) @length)
   operator: [">" "!==" "!="]
   right: (number) @zero) @found
 (#eq? @filter "filter") (#eq? @length "length") (#eq? @zero "0")
 (#not-match? @items "\\$|jQuery|cheerio|d3\\.")
 (#not-match? @found "\\?\\.")
 (#set! fix "{items}.some({test})"))
