"""Mail to customers."""
import subprocess

import yaml


def send(address, text):
    subprocess.run(f"mail -s order {address}", shell=True, input=text)


def settings(path):
    with open(path) as file:
        return yaml.load(file)


def wants_mail(customer):
    return customer.address != None and customer.news != None
