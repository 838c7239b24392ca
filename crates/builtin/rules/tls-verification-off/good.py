import requests

def fetch(url, insecure, model):
    if insecure:
        return requests.get(url, verify=False)
    model.get(url, verify=False)
    # requests.get(url, verify=False)
    return requests.get(url, verify="ca.pem")
