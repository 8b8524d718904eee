"""Signs in with the public `azure-identity` package, as a program in another
language would.

Reads the ready line of a simulator with --tls on standard input. Arguments: a
file with the application's certificate and its key, as PEM (which the simulator
has as --client-certificate), and the file of its --write-federated-token. Asks
the API with each token, and prints a line for each credential. Exits with 1 if
any of them fails.
"""

import json
import ssl
import sys
import urllib.parse
import urllib.request

from azure.identity import (
    CertificateCredential,
    ClientAssertionCredential,
    ClientSecretCredential,
    DeviceCodeCredential,
)

SCOPE = "https://api.securitycenter.microsoft.com/.default"

certificate, federated_token = sys.argv[1:]
ready = json.load(sys.stdin)
trust = ssl.create_default_context(cafile=ready["caFile"])


def approve(page, user_code, _expires):
    """What the person does in a browser."""
    form = urllib.parse.urlencode({"user_code": user_code, "answer": "approve"})
    with urllib.request.urlopen(page, form.encode(), context=trust) as answer:
        answer.read()


def assertion():
    with open(federated_token, encoding="ascii") as file:
        return file.read()


def ask(token):
    request = urllib.request.Request(
        ready["apiRoot"] + "/api/machines?$top=1",
        headers={"Authorization": "Bearer " + token},
    )
    with urllib.request.urlopen(request, context=trust) as answer:
        return len(json.load(answer)["value"])


where = {
    "authority": ready["authority"],
    "disable_instance_discovery": True,
    "connection_verify": ready["caFile"],
}
who = (ready["tenantId"], ready["clientId"])
credentials = {
    "ClientSecretCredential": lambda: ClientSecretCredential(*who, ready["clientSecret"], **where),
    "CertificateCredential": lambda: CertificateCredential(*who, certificate, **where),
    "ClientAssertionCredential": lambda: ClientAssertionCredential(*who, assertion, **where),
    "DeviceCodeCredential": lambda: DeviceCodeCredential(
        ready["clientId"], tenant_id=ready["tenantId"], prompt_callback=approve, **where
    ),
}

failed = False
for name, make in credentials.items():
    try:
        count = ask(make().get_token(SCOPE).token)
        print(f"{name}: signed in, {count} machine read")
    except Exception as error:  # Whatever it is, the next one is tried too.
        failed = True
        print(f"{name}: {type(error).__name__}: {error}")
sys.exit(failed)
