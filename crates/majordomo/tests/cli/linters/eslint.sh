echo "[{\"filePath\":\"$PWD/a.js\",\"messages\":[{\"ruleId\":\"no-undef\",\"severity\":2,\"message\":\"m\",\"line\":1,\"column\":1}]}]"
exit 1
