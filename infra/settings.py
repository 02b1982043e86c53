"""What differs between deployments: a stage is one frozen dataclass. Read by infra/app.py and infra/stacks."""

from dataclasses import dataclass

TLS_PORT = 2762  # PS3.15 §B.12: dicom-tls


@dataclass(frozen=True)
class Stage:
    """One deployment of the whole. `docs/deploy.md` says which fields the owner fills in before the first one."""

    name: str
    region: str = "eu-central-1"
    domain_name: str = ""  # browsers' address; until there is one, the host name that CloudFront gave
    certificate_arn: str = ""  # ACM, us-east-1, for domain_name; empty: domain_name is CloudFront's own
    cors_origins: tuple[str, ...] = ()
    modality_networks: tuple[str, ...] = ()  # CIDR blocks that reach the DICOM node; empty: nobody does
    dicom_port: int = 4242
    dicom_host: str = ""  # a name of the owner's for the DICOM node's balancer, told to developers
    dicom_tls_certificate_arn: str = ""  # ACM, same region; adds a TLS listener on 2762
    alarm_email: str = ""
    mail_sender: str = ""  # verified in SES; e-mails to members come from it, and without one there are none
    protect: bool = False  # deletion protection, final snapshots, buckets and keys outlive their stack
    firewall: bool = False  # a WAF web ACL in front of the API
    database_min_acu: float = 0  # 0: the database sleeps when nobody asks
    database_max_acu: float = 2
    backup_days: int = 7
    log_days: int = 30  # of CloudWatch's own choice of lengths
    derived_days: int = 7  # PACS_DERIVED_DAYS: life of prepared frames, which are as big as the originals
    exchange_days: int = 30
    gateway_tasks_min: int = 1
    gateway_tasks_max: int = 2
    gateway_cpu: int = 256  # 1024 is one vCPU
    gateway_memory_mib: int = 1024
    settings: tuple[tuple[str, str], ...] = ()  # further PACS_* variables of docs/settings.md, such as PACS_OIDC_ISSUER
    gpu_instance_type: str = ""  # such as g6.xlarge: an own vision model on it, docs/rai-llm.md; empty: none
    gpu_image: str = "vllm/vllm-openai:v0.11.0"  # better a copy in your ECR, by its digest
    gpu_model: str = "Qwen/Qwen2.5-VL-7B-Instruct"
    gpu_model_revision: str = "cc594898137f460bfe9f0759e9844b3ce807cfb5"
    gpu_hours: tuple[int, int] = (8, 20)  # it runs from the first to the last, in time_zone
    gpu_days: str = "MON-SAT"
    time_zone: str = "Europe/Istanbul"
    requests_per_s: int = 200
    requests_burst: int = 400

    @property
    def public_url(self) -> str:
        return f"https://{self.domain_name}" if self.domain_name else ""

    @property
    def prefix(self) -> str:
        """What the names of queues, topics, functions and stacks start with."""
        return f"pacs-{self.name}-"


DEV = Stage("dev")

PROD = Stage(
    "prod",
    protect=True,
    firewall=True,
    database_min_acu=0.5,
    database_max_acu=8,
    backup_days=35,
    log_days=365,
    derived_days=30,
    gateway_tasks_min=2,
    gateway_tasks_max=6,
    gateway_cpu=512,
    requests_per_s=1000,
    requests_burst=2000,
)

STAGES = (DEV, PROD)
