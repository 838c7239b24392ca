import requests
import ssl

def fetch(url, session):
    context = ssl._create_unverified_context()  # expect: tls-verification-off
    session.post(url, verify=False)  # expect: tls-verification-off
    return requests.get(url, verify=False), context  # expect: tls-verification-off
