"""The Python client, spoken with over pipes as Majordomo does. Run: python3 -m unittest -v"""
import json
import os
import subprocess
import sys
import tempfile
import textwrap
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
TASK = {"type": "task", "task": "t1", "token": "7", "attempt": 1, "run": "r1", "key": "t1",
        "capability": "it", "input": None}


class Agent:
    """An agent's program, and the other end of its pipes."""

    def __init__(self, body, argv=None):
        prelude = "import sys, os, time, threading, subprocess\nimport majordomo\n"
        source = prelude + textwrap.dedent(body) + "\nmajordomo.run()\n"
        self.process = subprocess.Popen(
            argv or [sys.executable, "-W", "error", "-c", source], text=True, encoding="utf-8",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": HERE})

    def say(self, **message):
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def hear(self):
        """The next line that is not a heartbeat."""
        while True:
            line = self.process.stdout.readline()
            if not line:
                raise AssertionError("it ended: " + self.process.stderr.read())
            message = json.loads(line)
            if message["type"] != "heartbeat":
                return message

    def hello(self, version=2):
        self.say(type="hello", version=version, line_max_bytes=1 << 20)
        return self.hear()

    def task(self, **more):
        self.hello()
        self.say(**{**TASK, **more})
        return self.hear()

    def reply(self, call, **answer):
        self.say(type="reply", id=call["id"], **answer)
        return self.hear()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            pipe.close()


class Client(unittest.TestCase):
    def agent(self, body):
        agent = Agent("@majordomo.serve('it')\n" + textwrap.dedent(body))
        self.addCleanup(agent.__exit__)
        return agent

    def test_it_says_what_it_serves_and_answers(self):
        agent = self.agent("def f(cx, input): return {'twice': input * 2, 'ø': cx.key}")
        ready = {"type": "ready", "version": 3, "serves": ["it"], "heartbeat_ms": 1000}
        self.assertEqual(agent.hello(version=4), ready)
        self.assertEqual(agent.hello(version=1), {**ready, "version": 1}, "as old as we are asked")
        agent.say(**{**TASK, "input": 21})
        self.assertEqual(agent.hear(),
                         {"type": "result", "token": "7", "output": {"twice": 42, "ø": "t1"}})

    def test_it_tells_what_it_writes_to_who_understands_it(self):
        body = """
            def f(cx, input):
                cx.write("Once upon", begins=True)
                cx.write(" a time")
                cx.partial({"so": "far"})
                return "all"
            """
        agent = self.agent(body)
        agent.hello(version=3)
        agent.say(**TASK)
        said = [agent.hear() for _ in range(4)]
        self.assertEqual([(it["type"], it.get("piece", it.get("output"))) for it in said],
                         [("text", "Once upon"), ("text", " a time"),
                          ("partial", {"so": "far"}), ("result", "all")])
        self.assertEqual([it.get("begins") for it in said], [True, False, None, None])
        old = self.agent(body)
        old.hello(version=2)
        old.say(**TASK)
        self.assertEqual(old.hear()["type"], "result", "nothing that it would not understand")

    def test_prints_of_user_code_and_its_children_do_not_reach_the_wire(self):
        agent = self.agent("""
            def f(cx, input):
                print("{not json"); os.write(1, b"raw"); subprocess.run(["echo", "child"])
                return sys.stdin.read()
            """)
        self.assertEqual(agent.task()["output"], "", "and it reads nothing of ours")
        agent.process.stdin.close()
        told = agent.process.stderr.read()
        for word in ("{not json", "raw", "child"):
            self.assertIn(word, told)

    def test_ask_gives_the_output_and_a_failed_child_raises(self):
        agent = self.agent("""
            def f(cx, input):
                first = cx.ask("other", {"a": 1}, step="named")
                try:
                    cx.ask("other")
                except majordomo.Failure as failure:
                    return [first, failure.kind, str(failure)]
            """)
        ask = agent.task()
        self.assertEqual(ask, {"type": "ask", "token": "7", "id": ask["id"], "step": "named",
                               "capability": "other", "input": {"a": 1}})
        again = agent.reply(ask, answer="ok", value=5)
        self.assertEqual((again["step"], again["input"]), (None, None))
        self.assertNotEqual(again["id"], ask["id"])
        failure = {"kind": "timeout", "message": "too late", "new_field": 1}
        self.assertEqual(agent.reply(again, answer="failed", failure=failure)["output"],
                         [5, "timeout", "too late"])

    def test_once_runs_records_and_only_then_goes_on(self):
        agent = self.agent("""
            def f(cx, input):
                return [cx.once("pay", lambda: (cx.key, input)), cx.key]
            """)
        once = agent.task(input=3)
        self.assertEqual(once, {"type": "once", "token": "7", "id": once["id"], "step": "pay",
                                "on_unknown": "fail"})
        done = agent.reply(once, answer="run", key="t1/pay")
        self.assertEqual(done, {"type": "done", "token": "7", "id": done["id"], "step": "pay",
                                "outcome": "ok", "value": ["t1/pay", 3]})
        result = agent.reply(done, answer="ok", value=None)
        self.assertEqual(result["output"], [["t1/pay", 3], "t1"])

    def test_a_recorded_step_is_not_run_again(self):
        agent = self.agent("def f(cx, input): return cx.once('pay', lambda: 1 / 0)")
        self.assertEqual(agent.reply(agent.task(), answer="ok", value=9)["output"], 9)

    def test_a_failed_step_is_recorded_as_such(self):
        agent = self.agent("def f(cx, input): return cx.once('pay', lambda: 1 / 0)")
        done = agent.reply(agent.task(), answer="run", key="k")
        self.assertEqual((done["outcome"], done["failure"]["kind"]), ("failed", "error"))
        error = agent.reply(done, answer="ok", value=None)
        self.assertEqual((error["type"], error["message"]),
                         ("error", "ZeroDivisionError: division by zero"))

    def test_unknown_is_raised_or_retried_as_asked(self):
        agent = self.agent("""
            def f(cx, input):
                return cx.once("pay", lambda: 1, on_unknown=input)
            """)
        once = agent.task(input="retry")
        self.assertEqual(once["on_unknown"], "retry")
        error = agent.reply(once, answer="unknown")
        self.assertEqual((error["kind"], "pay" in error["message"]), ("unknown", True))

    def test_a_step_used_twice_is_a_mistake(self):
        agent = self.agent("""
            def f(cx, input):
                cx.once("pay", int); cx.once("pay", int)
            """)
        done = agent.reply(agent.task(), answer="run", key="k")
        error = agent.reply(done, answer="ok", value=None)
        self.assertIn("'pay' used twice", error["message"])

    def test_failures_say_what_they_are(self):
        agent = self.agent("""
            def f(cx, input):
                raise {"no": majordomo.Rejected("no"), "later": majordomo.Overloaded("l", "", 50),
                       "odd": KeyError("\\udc80"), "value": ValueError("é")}[input]
            """)
        error = agent.task(input="no")
        self.assertEqual((error["kind"], error["message"]), ("rejected", "no"))
        for input, kind, after, message in [("later", "overloaded", 50, "l"),
                                            ("odd", "error", None, "KeyError: '\\udc80'"),
                                            ("value", "error", None, "ValueError: é")]:
            agent.say(**{**TASK, "input": input})
            error = agent.hear()
            self.assertEqual((error["kind"], error["retry_after_ms"], error["message"]),
                             (kind, after, message))

    def test_what_is_not_json_is_an_error_of_the_handler(self):
        agent = self.agent("def f(cx, input): return {'nan': float('nan'), 'set': {1}}[input]")
        self.assertIn("not JSON compliant", agent.task(input="nan")["message"])
        agent.say(**{**TASK, "input": "set"})
        self.assertIn("not JSON serializable", agent.hear()["message"])

    def test_publish_gives_the_receipt_and_what_it_may_not_raises(self):
        agent = self.agent("""
            def f(cx, input):
                receipt = cx.publish("team.t.found", {"line": 7}, schema="Finding", version=2)
                try: cx.publish("elsewhere", None)
                except majordomo.Failure as failure: return [receipt, failure.kind]
            """)
        said = agent.task()
        self.assertEqual(said, {"type": "publish", "token": "7", "id": said["id"], "version": 2,
                                "subject": "team.t.found", "schema": "Finding",
                                "body": {"line": 7}})
        again = agent.reply(said, answer="ok", value={"delivered": 0, "dropped": 0})
        self.assertEqual((again["schema"], again["version"]), ("Value", 1))
        failure = {"kind": "rejected", "message": "it may not"}
        self.assertEqual(agent.reply(again, answer="failed", failure=failure)["output"],
                         [{"delivered": 0, "dropped": 0}, "rejected"])

    def heard(self, agent, call, body):
        agent.say(type="message", subscription=call["id"], subject="a.b", sender="x", body=body,
                  schema="Value", version=1, sent_at_ms=0, dropped=0)

    def test_messages_are_taken_one_by_one_and_a_break_ends_the_subscription(self):
        agent = self.agent("""
            def f(cx, input):
                got = []
                for message in cx.subscribe("a.*", group="g", queue=9, overflow="drop_newest"):
                    got.append(message["body"])
                    if len(got) == 2: break
                return got
            """)
        call = agent.task()
        self.assertEqual(call, {"type": "subscribe", "token": "7", "id": call["id"], "group": "g",
                                "subject": "a.*", "queue": 9, "overflow": "drop_newest"})
        agent.say(type="reply", id=call["id"], answer="ok", value=None)
        for body in [1, 2, 3]:
            self.heard(agent, call, body)
        about = {"token": "7", "subscription": call["id"]}
        self.assertEqual(agent.hear(), {"type": "taken", **about})
        self.assertEqual(agent.hear(), {"type": "unsubscribe", **about})
        self.assertEqual(agent.hear()["output"], [1, 2])
        self.heard(agent, call, "late")
        agent.say(**{**TASK, "token": "8"})
        self.assertEqual(agent.hear()["type"], "subscribe", "what comes late is passed over")

    def test_a_subscription_ends_by_itself_in_time_or_with_the_task(self):
        agent = self.agent("""
            def f(cx, input):
                feed = cx.subscribe(within=input)
                got = [message["body"] for message in feed]
                return [*got, "over"]
            """)
        call = agent.task(input=0.05)
        self.assertIsNone(call["subject"], "to everybody and to its role")
        agent.say(type="reply", id=call["id"], answer="ok", value=None)
        self.assertEqual(agent.hear()["type"], "unsubscribe", "none has come in time")
        self.assertEqual(agent.hear()["output"], ["over"])
        agent.say(**{**TASK, "token": "8"})
        call = agent.hear()
        agent.say(type="reply", id=call["id"], answer="ok", value=None)
        self.heard(agent, call, 1)
        agent.say(type="ended", subscription=call["id"], why="overflow")
        self.assertEqual([agent.hear()["type"] for _ in range(2)], ["taken", "unsubscribe"])
        self.assertEqual(agent.hear()["output"], [1, "over"])
        agent.say(**{**TASK, "token": "9"})
        agent.say(type="reply", id=agent.hear()["id"], answer="ok", value=None)
        agent.say(type="cancel", token="9")
        self.assertEqual(agent.hear()["kind"], "cancelled")

    def test_cancel_raises_where_it_waits_and_the_agent_lives_on(self):
        agent = self.agent("""
            def f(cx, input):
                if input: return "alive"
                try: cx.ask("other")
                except Exception: return "swallowed"
            """)
        agent.task()
        agent.say(type="cancel", token="6")
        agent.say(type="cancel", token="7")
        self.assertEqual((agent.hear()["kind"]), "cancelled")
        agent.say(**{**TASK, "token": "8", "input": 1})
        self.assertEqual(agent.hear()["output"], "alive")

    def test_cancel_raises_at_the_next_call(self):
        agent = self.agent("""
            def f(cx, input):
                cx.log("here")
                while True:
                    cx.progress(0.5); time.sleep(0.005)
            """)
        self.assertEqual(agent.task()["message"], "here")
        agent.say(type="cancel", token="7")
        while (message := agent.hear())["type"] == "progress":
            self.assertEqual(message["fraction"], 0.5)
        self.assertEqual((message["type"], message["kind"]), ("error", "cancelled"))

    def test_it_beats_while_it_works(self):
        agent = self.agent("def f(cx, input): cx.ask('other')")
        agent.task()
        self.assertEqual(json.loads(agent.process.stdout.readline()), {"type": "heartbeat"})

    def test_asks_from_threads_get_their_own_answers(self):
        agent = self.agent("""
            def f(cx, input):
                got = {}
                def one(n): got[n] = cx.ask("other", n, step=str(n))
                threads = [threading.Thread(target=one, args=(n,)) for n in range(3)]
                [t.start() for t in threads]; [t.join() for t in threads]
                return [got[n] for n in range(3)]
            """)
        asks = [agent.task(), agent.hear(), agent.hear()]
        for ask in asks[:0:-1]:
            agent.say(type="reply", id=ask["id"], answer="ok", value=ask["input"] * 10)
        self.assertEqual(agent.reply(asks[0], answer="ok", value=asks[0]["input"] * 10)["output"],
                         [0, 10, 20])

    def test_shutdown_and_the_end_of_input_end_it(self):
        agent = self.agent("def f(cx, input): cx.ask('other')")
        agent.hello()
        agent.say(type="shutdown")
        agent.process.stdin.close()
        self.assertEqual(agent.process.wait(10), 0)
        orphan = self.agent("def f(cx, input): cx.ask('other')")
        orphan.task()
        orphan.process.stdin.close()
        self.assertEqual(orphan.process.wait(10), 1, "in the middle of a task it is no success")

    def test_it_is_short(self):
        with open(os.path.join(HERE, "majordomo.py"), encoding="utf-8") as file:
            lines = file.readlines()
        self.assertLessEqual(len(lines), 200)
        self.assertLessEqual(max(map(len, lines)), 101)


class TenCalls(unittest.TestCase):
    def test_killed_in_the_middle_it_goes_on_without_paying_twice(self):
        recorded, argv = {}, [sys.executable, os.path.join(HERE, "examples", "ten_calls.py")]
        with tempfile.TemporaryDirectory() as directory:
            input = {"ledger": os.path.join(directory, "ledger")}

            def live(stop_after):
                with Agent("", argv) as agent:
                    message = agent.task(capability="demo.ten_calls", input=input)
                    while message["type"] != "result":
                        if message["type"] == "once" and message["step"] in recorded:
                            answer = {"answer": "ok", "value": recorded[message["step"]]}
                        elif message["type"] == "once":
                            answer = {"answer": "run", "key": "t1/" + message["step"]}
                        elif message["type"] == "done":
                            recorded[message["step"]] = message["value"]
                            answer = {"answer": "ok", "value": None}
                            if len(recorded) == stop_after:
                                return None
                        else:
                            message = agent.hear()
                            continue
                        message = agent.reply(message, **answer)
                    return message["output"]

            self.assertIsNone(live(stop_after=6))
            self.assertEqual(live(stop_after=None), {"calls": 10, "paid": 385})
            with open(input["ledger"], encoding="utf-8") as file:
                paid = file.read().splitlines()
        self.assertEqual(paid, [f"t1/call-{n} call-{n}" for n in range(1, 11)])


if __name__ == "__main__":
    unittest.main()
