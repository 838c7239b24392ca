((call function: (attribute) @name arguments: (argument_list) @arguments) @found
 (#any-of? @name
   "time.sleep" "requests.get" "requests.post" "requests.put" "requests.delete" "requests.request"
   "urllib.request.urlopen" "subprocess.run" "subprocess.call" "subprocess.check_call" "subprocess.check_output" "os.system")
 (#not-eq? @arguments "(0)")
 (#inside-async? @found))
