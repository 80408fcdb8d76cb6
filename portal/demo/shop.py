"""The sample shop as data: what it sells, to whom, and who works there.

Here: names and prices only. Not here: how orders are drawn from them (generator.py), or what goes
wrong (order_stories.py).
"""

from dataclasses import dataclass
from decimal import Decimal

COMPANY_CODE = "kedai"
COMPANY_NAME = "Kedai Contoh Sdn Bhd"
CURRENCY = "MYR"
ZONE = "Asia/Kuala_Lumpur"
TARGET_COMPANY = "CMP-1042"


@dataclass(frozen=True, slots=True)
class Item:
    """One thing on the shelf; `box` and `carton`: pieces in one, 0 where it is not sold so."""

    sku: str
    name: str
    price: Decimal
    tax: str
    box: int = 12
    carton: int = 48


@dataclass(frozen=True, slots=True)
class Customer:
    """A buyer with an account. Walk-in buyers share one code and differ by name."""

    code: str
    name: str
    tin: str | None
    address: str | None


def _item(sku: str, name: str, price: str, tax: str, box: int = 12, carton: int = 48) -> Item:
    return Item(sku=sku, name=name, price=Decimal(price), tax=tax, box=box, carton=carton)


ITEMS = (
    _item("TEA-EARL-100", "Earl Grey, loose, 100 g", "4.80", "NONE", carton=40),
    _item("TEA-OOLONG-50", "Oolong, 50 g", "12.60", "NONE"),
    _item("TEA-BOH-20", "Cameron black tea, 20 bags", "6.30", "NONE"),
    _item("TEA-JASMIN-80", "Jasmine green tea, 80 g", "9.90", "NONE"),
    _item("TEA-TARIK-12", "Teh tarik sachets, 12", "8.40", "NONE"),
    _item("TEA-HIBIS-40", "Roselle and hibiscus, 40 g", "11.20", "NONE"),
    _item("CUP-GLASS-20", "Kopitiam glass, 200 ml", "5.50", "SST"),
    _item("CUP-PORC-25", "Porcelain cup and saucer", "14.90", "SST"),
    _item("CUP-ENAMEL-35", "Enamel mug, 350 ml", "16.80", "SST"),
    _item("POT-GLASS-60", "Glass teapot, 600 ml", "38.50", "SST"),
    _item("POT-CLAY-45", "Clay teapot, 450 ml", "72.00", "SST", carton=0),
    _item("TRAY-RATTAN-M", "Rattan tray, medium", "42.00", "SST", box=0, carton=0),
    _item("SPN-BRASS-4", "Brass teaspoons, set of 4", "19.60", "SST"),
    _item("STR-STEEL-1", "Steel strainer", "7.70", "SST"),
    _item("GFT-HAMPER-L", "Festive hamper, large", "128.00", "SST", box=6, carton=0),
    _item("GFT-TIN-S", "Gift tin, small", "24.50", "SST"),
    _item("CND-PANDAN-1", "Pandan candle", "21.00", "SST", carton=0),
    _item("BISC-PEANUT-3", "Peanut biscuits, 300 g", "13.20", "NONE"),
)

# On sale since last week, and in nobody's item list yet.
NEW_ITEM = _item("CUP-STONE-30", "Stoneware cup, 300 ml", "18.40", "SST")


def _buyer(code: str, name: str, tin: str, address: str) -> Customer:
    return Customer(code=code, name=name, tin=tin, address=address)


CUSTOMERS = (
    _buyer("C-101", "Warung Melati", "C20113344550", "12 Jalan Masjid India, 50100 Kuala Lumpur"),
    _buyer("C-102", "Kafe Senja Sdn Bhd", "C20224455660", "8 Lorong Batu Nilam 1, 41200 Klang"),
    _buyer(
        "C-103", "Hotel Puncak Bayu", "C20335566770", "1 Jalan Sultan Ahmad Shah, 10050 George Town"
    ),
    _buyer(
        "C-104", "Restoran Tiga Sahabat", "C20446677880", "45 Jalan Wong Ah Fook, 80000 Johor Bahru"
    ),
    _buyer("C-105", "Syarikat Teh Lembah", "C20557788990", "Lot 3, Jalan Besar, 39000 Tanah Rata"),
    _buyer(
        "C-106",
        "Kiosk Stesen Sentral",
        "C20668899000",
        "Level 1, Stesen Sentral, 50470 Kuala Lumpur",
    ),
    _buyer(
        "C-107",
        "Dapur Nyonya Enterprise",
        "C20779900110",
        "17 Jalan Tun Tan Cheng Lock, 75200 Melaka",
    ),
    _buyer("C-108", "Pasar Mini Harmoni", "C20880011220", "5 Jalan Tun Razak, 25200 Kuantan"),
    _buyer("C-109", "Borneo Gift House", "C20991122330", "22 Jalan Gaya, 88000 Kota Kinabalu"),
    _buyer("C-110", "Kedai Cenderamata Aman", "C21002233440", "9 Jalan Padungan, 93100 Kuching"),
    _buyer(
        "C-111", "Ipoh White Rose Cafe", "C21113344550", "31 Jalan Sultan Idris Shah, 30000 Ipoh"
    ),
    _buyer("C-112", "Taman Ilmu Bookshop", "C21224455660", "2 Jalan SS 2/24, 47300 Petaling Jaya"),
    _buyer(
        "C-113", "Pejabat Rakan Niaga", "C21335566770", "Suite 8, Menara Damai, 50250 Kuala Lumpur"
    ),
    _buyer("C-114", "Seri Wangi Spa", "C21446677880", "66 Jalan Telawi, 59100 Kuala Lumpur"),
    _buyer("C-115", "Chulia Street Bakery", "C21557788990", "103 Lebuh Chulia, 10200 George Town"),
)

# Signed up in NetShop last week, and in nobody's debtor list yet.
NEW_CUSTOMER = _buyer(
    "C-118", "Restoran Selera Baru", "C21880011220", "14 Jalan Alor, 50200 Kuala Lumpur"
)

WALK_IN = "WALK-IN"
WALK_IN_NAMES = (
    "Aisyah Rahman",
    "Lim Wei Jie",
    "Siti Nurhaliza Osman",
    "Raj Kumar a/l Maniam",
    "Tan Mei Ling",
    "Ahmad Faizal",
    "Wong Kah Yee",
    "Nur Iman Zulkifli",
    "Chong Li Ting",
    "Kavitha a/p Subramaniam",
    "Hafiz Hamdan",
    "Lee Xin Yi",
    "Farah Adlina",
    "Ng Boon Keat",
    "Melissa Gomez",
    "Amirul Hakim",
    "Goh Pei Shan",
    "Zainab Yusof",
    "Daniel Anak Jugah",
    "Priya Nair",
    "Khairul Anuar",
    "Yap Soo Fen",
    "Rosnah Mat Isa",
    "Vincent Lai",
    "Hanis Sofea",
    "Teoh Chin Huat",
)

CHANNELS = ("FPX", "FPX", "Card", "Card", "TNG eWallet", "GrabPay", "Boost")
STAFF = ("Mei Ling", "Hakim", "Devi")
MANAGER = "Suraya Idris"
APPROVER = "Farid Rahman"
